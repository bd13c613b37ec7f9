"""What the examples share: their options, the data sets of this repository, LMDB files."""

import argparse
import gzip
import os
import sys
from pathlib import Path

import caffe
import lmdb
import numpy as np
from caffe.proto import caffe_pb2

EXAMPLES = Path(__file__).resolve().parent
MNIST = EXAMPLES.parent / "models" / "lenet" / "data"
LENET = str(EXAMPLES / "data" / "lenet.caffemodel")  # of models/lenet, after 10,000 iterations
LENET_DEPLOY = str(EXAMPLES.parent / "models" / "lenet" / "lenet_deploy.prototxt")

os.environ.setdefault("GLOG_minloglevel", "2")  # what the scripts print, without Caffe's log


def options(doc, **numbers):
    """Read the command line: ``--out FOLDER`` and ``numbers``; make the folder, seed Caffe."""
    name = Path(sys.argv[0]).resolve().parent.name
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=doc, formatter_class=style)
    folder = Path("out", name)
    parser.add_argument("--out", type=Path, default=folder, help=f"default: {folder}")
    for flag, default in numbers.items():
        parser.add_argument(
            f"--{flag}", type=type(default), default=default, help=f"default: {default}"
        )
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    caffe.set_random_seed(1)
    return chosen


def mnist(part, count):
    """The first ``count`` digits of "train" or "t10k": (N, 1, 28, 28) of 0..255, and labels."""
    with gzip.open(MNIST / f"{part}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(16 + count * 28 * 28), np.uint8, offset=16)
    with gzip.open(MNIST / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(8 + count), np.uint8, offset=8)
    return pixels.reshape(-1, 1, 28, 28), labels.astype(int)


def optdigits(part):
    """All of "tra" or "tes": (N, 1, 8, 8) from 0 to 1, and labels."""
    rows = np.loadtxt(EXAMPLES / "data" / f"optdigits.{part}.gz", dtype=np.float32)
    return rows[:, :64].reshape(-1, 1, 8, 8) / 16, rows[:, 64].astype(int)


def write_lmdb(path, images, labels):
    """Write uint8 images (N, C, H, W) and their labels as a database that a Data layer reads."""
    with (
        lmdb.open(str(path), map_size=1 << 30) as database,
        database.begin(write=True) as transaction,
    ):
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            datum = caffe.io.array_to_datum(image, int(label))
            transaction.put(f"{i:08}".encode(), datum.SerializeToString())


def write_solver(path, train_net, test_net=None, **fields):
    """Write a solver's definition: SGD with momentum; a fixed rate, unless ``fields`` say else."""
    usual = {"lr_policy": "fixed", "momentum": 0.9, "weight_decay": 5e-4, "random_seed": 1}
    solver = caffe_pb2.SolverParameter(train_net=str(train_net), **{**usual, **fields})
    if test_net:  # the scripts test by hand, never the solver
        never = {"test_iter": [1], "test_interval": 1 << 30, "test_initialization": False}
        solver.MergeFrom(caffe_pb2.SolverParameter(test_net=[str(test_net)], **never))
    path.write_text(str(solver))
    return str(path)
