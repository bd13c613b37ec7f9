"""``minicaffe detect``: the boxes that a trained net finds in images."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.cli import _flags
from minicaffe.columns import columns
from minicaffe.errors import DataError, MinicaffeError, WeightsError

if TYPE_CHECKING:
    from minicaffe.blob_proto import HostArray
    from minicaffe.weights import Copied

THRESHOLD = 0.5
EPILOG = """\
The net is a deploy net that ends with DetectionOutput, YoloDetectionOutput, Yolov3DetectionOutput,
or whatever makes rows of image, label, score, xmin, ymin, xmax, ymax. An image is stretched to the
net's input, its values, 0 to 255 in blue, green, red, less --mean, times --scale. Where neither is
given, what the definition has in a transform_param counts. Boxes are printed in pixels.

examples:
  minicaffe detect deploy.prototxt net.caffemodel photo.jpg --draw found.png --mean 104,117,123
  minicaffe detect deploy.prototxt net.caffemodel a.jpg b.jpg --draw folder \\
    --labels labelmap.prototxt
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "detect",
        help="find objects in images",
        description="Print the boxes that a net finds in images, and draw them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("net", metavar="NET", help="the net's definition")
    parser.add_argument("weights", metavar="WEIGHTS", help="trained weights")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    parser.add_argument(
        "--draw",
        metavar="OUT",
        help="draw the boxes into OUT: an image file, or, for several images, a folder",
    )
    parser.add_argument(
        "--threshold",
        type=_share,
        default=THRESHOLD,
        metavar="X",
        help=f"leave out boxes with a lower score (default: {THRESHOLD})",
    )
    parser.add_argument(
        "--labels", metavar="FILE", help="names of the labels: a LabelMap, as SSD has them"
    )
    parser.add_argument(
        "--mean",
        "--mean_file",
        metavar="X,Y,Z",
        help="mean to subtract, of each channel as the net has them; or a file that has it",
    )
    parser.add_argument(
        "--scale", "--input_scale", type=_factor, metavar="X", help="factor, after the mean"
    )
    parser.add_argument(
        "--rgb", action="store_true", help="the net takes red, green, blue, not blue first"
    )
    _flags.add_machine(parser)
    _flags.add_lenient(parser)


def run(args: argparse.Namespace) -> int:
    """Find, print and draw."""
    _flags.apply_lenient(args)
    targets = _targets(args.images, args.draw)
    names = _names(args.labels)
    mean = None if args.mean is None else _mean(args.mean)
    for path in args.images:
        _check_file(path)  # if one is missing, say so before anything is computed

    from minicaffe.box_detector import BoxDetector, trained_transform
    from minicaffe.cli._device import device_for
    from minicaffe.net import Net, closing
    from minicaffe.proto.minicaffe_pb2 import TEST, NetState
    from minicaffe.proto.text import read_net
    from minicaffe.weights import load_weights

    definition = read_net(args.net, phase=TEST)
    device = device_for(args)
    _flags.use_threads(args.threads, deterministic=args.deterministic)
    with closing(net := Net(definition, NetState(phase=TEST), device)):
        trained: tuple[Sequence[float], float] = (mean or [], args.scale or 1.0)
        if mean is None and args.scale is None:
            trained = trained_transform(definition)
        detector = BoxDetector(net, *trained, rgb=args.rgb)
        _check_copied(args.weights, load_weights(net, args.weights))
        for path in args.images:
            image = _read(path, gray=detector.is_gray)
            found = detector.detect(image, args.threshold)
            sys.stdout.write("\n".join(_table(path, found, names)) + "\n")
            if targets:
                _draw(image, found, names, targets[path])
    return 0


def _check_copied(path: str, copied: Copied) -> None:
    """Refuse weights of another net, and warn where some are missing.

    Raises:
        WeightsError: none of them is for the net.
    """
    if not copied.kept:
        return
    first, count = copied.kept[0], len(copied.kept)
    if not copied.copied:
        raise WeightsError(
            f"{path}: has no weights for any of the net's {count} layers that have some, such as "
            f"{first!r}: are they of another net?"
        )
    glog.warning(
        "detect.py:1",
        f"{path} has no weights for {first!r}" + (f" and {count - 1} more" if count > 1 else ""),
    )


def _table(path: str, found: HostArray, names: Mapping[int, str]) -> Iterator[str]:
    """What was found in an image, as lines."""
    count = len(found)
    yield f"{path}: {count or 'no'} {'box' if count == 1 else 'boxes'}"
    rows = [["label", "score", "xmin", "ymin", "xmax", "ymax"]]
    for label, score, *box in found.tolist():
        numbers = [f"{value:.1f}" for value in box]
        rows.append([_name(int(label), names), f"{score:.4f}", *numbers])
    if count:
        yield from (f"  {line}" for line in columns(rows, right=range(1, 6)))


def _name(label: int, names: Mapping[int, str]) -> str:
    return names.get(label) or f"label {label}"


def _draw(image: HostArray, found: HostArray, names: Mapping[int, str], target: Path) -> None:
    """Write ``image`` with boxes to ``target``; the best are drawn last, over the others."""
    import cv2
    import numpy as np

    from minicaffe.files import replacing

    picture = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    size = max(picture.shape[:2]) / 640
    line, font = max(1, round(2 * size)), max(0.4, 0.5 * size)
    for label, score, *box in found[::-1].tolist():
        hue = int(label) * 67 % 180  # neighbouring labels in colours far apart
        pixel = cv2.cvtColor(np.array([[[hue, 255, 230]]], np.uint8), cv2.COLOR_HSV2BGR)
        color = tuple(int(value) for value in pixel[0, 0])
        left, top, right, bottom = (round(value) for value in box)
        cv2.rectangle(picture, (left, top), (right, bottom), color, line)
        text = f"{_name(int(label), names)} {score:.2f}"
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, font, 1)
        base = max(top - below, height)  # inside, where there is no room above
        cv2.rectangle(picture, (left, base - height), (left + width, base + below), color, -1)
        cv2.putText(
            picture, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, font, (0, 0, 0), 1, cv2.LINE_AA
        )
    _, data = cv2.imencode(target.suffix, picture)
    with replacing(target) as temporary:
        temporary.write_bytes(data.tobytes())


def _targets(images: Sequence[str], draw: str | None) -> dict[str, Path]:
    """Where the picture of each image goes; nothing where none is asked for.

    Raises:
        MinicaffeError: it cannot be written there.
    """
    if draw is None:
        return {}
    out = Path(draw)
    if len(images) > 1 or out.is_dir():
        found = {path: out / f"{Path(path).stem}.png" for path in images}
        if len(set(found.values())) < len(found):
            raise MinicaffeError(
                f"--draw {draw} would write one picture over another, expected images of "
                "different names"
            )
        folder = out
    else:
        found, folder = {images[0]: out}, out.parent
        _check_suffix(out)
    for target in found.values():
        for path in images:
            if target.exists() and Path(path).exists() and target.samefile(path):
                raise MinicaffeError(
                    f"--draw {draw} would write over the image {path}, expected another name or "
                    "folder"
                )
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        several = " (several images need a folder)" if len(images) > 1 else ""
        raise MinicaffeError(f"cannot write {out}: {folder} is no folder to write to{several}")
    return found


def _check_suffix(out: Path) -> None:
    import cv2

    try:
        known = bool(out.suffix) and cv2.haveImageWriter(str(out))
    except cv2.error:
        known = False
    if not known:
        raise MinicaffeError(f"cannot write {out}: its ending is no kind of image, expected .png")


def _check_file(path: str) -> None:
    if Path(path).is_dir():
        raise DataError("is a folder, expected an image file", path)
    try:
        Path(path).open("rb").close()
    except OSError as error:
        where = "" if Path(path).is_absolute() else f", looked for in {Path.cwd()}"
        raise DataError(f"image cannot be read: {error.strerror or error}{where}", path) from error


def _read(path: str, *, gray: bool) -> HostArray:
    from minicaffe.data.image_file import ImageReader

    return ImageReader(path, color=not gray)(path, b"")


def _names(path: str | None) -> dict[int, str]:
    if path is None:
        return {}

    from minicaffe.boxes.label_map import read_label_map

    return read_label_map(path, display=True)


def _mean(text: str) -> list[float]:
    """Numbers with commas, or what a file has.

    Raises:
        DataError: neither.
    """
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        pass
    else:
        if not all(map(isfinite, numbers)):
            raise DataError("is no mean, expected finite numbers", text)
        return numbers

    from minicaffe.classifier import read_mean_file

    mean = read_mean_file(text)
    return [float(value) for value in (mean.mean((1, 2)) if mean.ndim == 3 else mean)]


def _factor(text: str) -> float:
    """For argparse: what pixels are multiplied by."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not isfinite(value) or not value:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a finite number other than 0")
    return value


def _share(text: str) -> float:
    """For argparse: a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number from 0 to 1")
    return value
