"""How many images a second come out of a data layer, against PyTorch's DataLoader?

    python benchmarks/data.py --peer-python ~/torch/bin/python

Three sources, each of 256 x 256 colour images, a crop of 227 x 227 at random, mirrored one time
in two, less a mean a channel, as float32 in batches of 64: an LMDB of pixels, an LMDB of JPEG
files, and a list of JPEG files. The images are made by this script, and stay in the page cache.
DataLoader does the same work with 0, 1 and 2 workers; and with 2 workers once more decoding with
Pillow, as torchvision does. All sides take turns of ``--batches`` batches, the others asleep with
their queues full; the batches that were ready beforehand do not count.

The peer needs torch, numpy, opencv-python-headless, lmdb and pillow, here or in the environment
of ``--peer-python``; without it ``--alone`` times minicaffe.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.proto.minicaffe_pb2 import Datum

HERE = Path(__file__).parent
SIZE, QUALITY, CLASSES = 256, 90, 1000
KINDS = {"raw": "LMDB, pixels", "jpeg": "LMDB, JPEG", "files": "ImageData, JPEG files"}
PEERS = [(0, "cv2"), (1, "cv2"), (2, "cv2"), (2, "pillow")]  # workers, decoder


def make_images(folder: Path, count: int) -> None:
    """Write the same ``count`` images in every form that a side reads."""
    rng = np.random.default_rng(1701)
    (folder / "files").mkdir()
    raw, jpeg = [], []
    for index in range(count):
        coarse = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        smooth = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        image = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
        file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        label = index % CLASSES
        raw.append((label, np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes()))
        jpeg.append((label, file))
        (folder / "files" / f"{index:06}.jpg").write_bytes(file)
    lines = "".join(f"files/{index:06}.jpg {label}\n" for index, (label, _) in enumerate(jpeg))
    (folder / "list.txt").write_text(lines)
    for kind, records in (("raw", raw), ("jpeg", jpeg)):
        shape = {"channels": 3, "height": SIZE, "width": SIZE} if kind == "raw" else {}
        keys = [b"%08d" % index for index in range(count)]
        datums = (
            Datum(data=data, label=label, encoded=kind == "jpeg", **shape).SerializeToString()
            for label, data in records
        )
        write_lmdb(folder / f"{kind}.lmdb", zip(keys, datums, strict=True))
        # what a user of PyTorch would write: the label and the bytes, nothing to parse
        plain = (struct.pack("<i", label) + data for label, data in records)
        write_lmdb(folder / f"{kind}.peer", zip(keys, plain, strict=True))
    print(f"{count} images, JPEG files of {len(jpeg[0][1]) / 1024:.0f} KiB", flush=True)


class Side:
    """A process that makes batches when told to."""

    def __init__(self, python: str, script: str, job: dict[str, Any], name: str) -> None:
        pipe = subprocess.PIPE
        command = [python, str(HERE / script)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.name, self.rates, self.job = name, [], job
        self.first = self.ask(job)["first"]

    def ask(self, question: Any) -> dict[str, Any]:
        """Its answer to a line of JSON."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} has failed, see above")
        return json.loads(line)

    def turn(self, batches: int, *, keep: bool) -> None:
        """Take ``batches`` batches."""
        rate = batches * self.job["batch"] / self.ask(batches)["seconds"]
        if keep:
            self.rates.append(rate)

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def measure(kind: str, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Medians of images/s of every side."""
    job = {"kind": kind, "folder": str(folder), "batch": args.batch, "crop": 227, "size": SIZE}
    job |= {"mean": [104, 117, 123], "count": args.images}
    sides = [
        Side(sys.executable, "data_minicaffe.py", {**job, "threads": args.threads}, "minicaffe")
    ]
    try:
        for workers, decoder in [] if args.alone else PEERS:
            if kind == "raw" and decoder == "pillow":
                continue
            name = f"DataLoader, {workers} workers" + (", Pillow" * (decoder == "pillow"))
            peer = {**job, "workers": workers, "decoder": decoder}
            sides.append(Side(args.peer_python, "data_torch.py", peer, name))
        for side in sides[1:]:
            if side.first["labels"] != sides[0].first["labels"]:
                raise SystemExit(f"{side.name} reads other records")
        for turn in range(-1, args.repeat):
            for side in sides:
                side.turn(args.batches, keep=turn >= 0)
    finally:
        for side in sides:
            side.close()
    rates = {side.name: median(side.rates) for side in sides}
    means = {side.name: side.first["mean"] for side in sides}
    same = [rate for name, rate in rates.items() if "Pillow" not in name and name != "minicaffe"]
    ratio = rates["minicaffe"] / max(same) if same else None
    return {"kind": kind, "rates": rates, "means": means, "ratio": ratio}


def show(result: dict[str, Any]) -> None:
    """``measure``, for people."""
    print(KINDS[result["kind"]])
    for name, rate in result["rates"].items():
        print(f"  {name:32}{rate:8.0f} images/s   mean {result['means'][name]:7.2f}")
    if result["ratio"]:
        print(f"  ratio to DataLoader's best {result['ratio']:.2f}", flush=True)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="default: all")
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=20, help="of a turn")
    parser.add_argument("--threads", type=int, default=0, help="of minicaffe; 0: one a core")
    parser.add_argument("--repeat", type=int, default=7, help="turns that count, at least 7")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with PyTorch")
    parser.add_argument("--alone", action="store_true", help="without PyTorch")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.repeat < 7 and not args.alone:
        parser.error("--repeat: a median of fewer than 7 says little")
    print(f"{len(os.sched_getaffinity(0))} cores", flush=True)
    with tempfile.TemporaryDirectory() as name:
        make_images(Path(name), args.images)
        results = []
        for kind in args.kind or KINDS:
            results.append(measure(kind, Path(name), args))
            show(results[-1])
    if args.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
