"""Damage good files at random, and see that every reader says so: ``make fuzz``.

A reader may read a damaged file, or raise a ``MinicaffeError``. Another exception, a signal, more
than ``SECONDS`` or ``BYTES`` for one file is a failure: the file is kept, and the exit code is 1.
The files are read in child processes; the same seed gives the same files.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from minicaffe.errors import MinicaffeError
from tests.fuzz.mutations import damage
from tests.fuzz.readers import READERS, SOLVERS

SECONDS = 10.0
BYTES = 4 << 30
CHUNK = 250  # files a child reads


def damaged(name: str, index: int, seed: int) -> tuple[bytes, Path]:
    """File number ``index`` for the reader ``name``, and the good one that it was."""
    rng = random.Random(f"{name} {index} {seed}")
    source = rng.choice(READERS[name].seeds)
    return damage(source.read_bytes(), rng), source


def child(name: str, indices: range, seed: int, pipe: int) -> None:
    """Read the files; for each a line to ``pipe``: ok, refused, or the traceback."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    os.chdir(SOLVERS)
    with tempfile.TemporaryDirectory() as folder:
        for index in indices:
            data, source = damaged(name, index, seed)
            path = Path(folder, source.name)
            path.write_bytes(data)
            try:
                READERS[name].read(path)
                result = "ok"
            except MinicaffeError as error:
                result = f"refused {error}".splitlines()[0]
            except BaseException:  # noqa: BLE001  # what a reader must not raise
                result = "failed " + traceback.format_exc().replace("\n", "\t")
            os.write(pipe, f"{result[:4000]}\n".encode(errors="replace"))


def read_chunk(name: str, indices: range, seed: int) -> list[str]:
    """The results of a child; the last one is what ended it, where it did not come to the end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            child(name, indices, seed, writing)
        finally:
            os._exit(0)
    os.close(writing)
    text, began = b"", time.monotonic()
    while select.select([reading], [], [], SECONDS)[0] and (new := os.read(reading, 1 << 16)):
        text, began = text + new, time.monotonic()
    slow = time.monotonic() - began >= SECONDS
    if slow:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(reading)
    results = text.decode(errors="replace").splitlines()
    if len(results) < len(indices):
        results.append("failed too slow" if slow else f"failed signal {os.WTERMSIG(status)}")
    return results


def run(name: str, count: int, seed: int, keep: Path) -> int:
    """Read ``count`` damaged files; returns the number of failures."""
    began, index, refused, failures = time.monotonic(), 0, 0, 0
    while index < count:
        for result in read_chunk(name, range(index, min(index + CHUNK, count)), seed):
            refused += result.startswith("refused")
            if result.startswith("failed"):
                failures += 1
                data, source = damaged(name, index, seed)
                path = keep / f"{name.replace(' ', '-')}-{seed}-{index}-{source.name}"
                path.write_bytes(data)
                print(f"{path}: {result}".replace("\t", "\n  "))
            index += 1
    seconds = time.monotonic() - began
    print(f"{name:15} {count:6} files, {refused:6} refused, {failures} failures, {seconds:.0f} s")
    return failures


def main() -> int:
    """Run every reader, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=24_000, help="files in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=READERS, action="append")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()))
    args = parser.parse_args()
    logging.getLogger("minicaffe").setLevel(logging.ERROR)
    names = args.reader or list(READERS)
    each = -(-args.count // len(names))
    return min(1, sum(run(name, each, args.seed, args.keep) for name in names))


if __name__ == "__main__":
    sys.exit(main())
