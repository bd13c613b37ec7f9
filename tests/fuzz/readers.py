"""The readers, and for each some files that it reads well."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from minicaffe.net import Net
from minicaffe.proto import binary, text
from minicaffe.proto.minicaffe_pb2 import TEST, BlobProto, NetParameter, NetState
from minicaffe.proto.upgrade import upgrade_net
from minicaffe.snapshot import restore
from minicaffe.solver import Solver
from minicaffe.weights import load_weights

GOLDEN = Path(__file__).parent.parent / "golden"
SOLVERS = GOLDEN / "solvers"  # the working directory: states name their weights relative to it


class Reader(NamedTuple):
    """``read`` reads a file whole; ``seeds`` are files that it reads without an error."""

    read: Callable[[Path], object]
    seeds: list[Path]


@cache
def solver(name: str) -> Solver:
    """The solver of a golden case."""
    param = text.read_solver(SOLVERS / f"{name}.solver.prototxt")
    param.net = str(SOLVERS / param.net)
    param.ClearField("snapshot")
    param.snapshot_after_train = False
    return Solver(param)


def load(path: Path) -> object:
    """Into a net that the file's weights fit."""
    return load_weights(solver("sgd_momentum").net, path)


def build(path: Path) -> object:
    """The net too: what it says may be well formed and still impossible."""
    definition = text.read_net(path)
    return Net(definition, NetState(phase=TEST))


READERS = {
    "caffemodel": Reader(load, sorted(SOLVERS.glob("*_momentum*.caffemodel"))),
    "caffemodel.h5": Reader(load, sorted(SOLVERS.glob("*.caffemodel.h5"))),
    "solverstate": Reader(
        lambda path: restore(solver("adam"), path), [SOLVERS / "adam_iter_6.solverstate"]
    ),
    "solverstate.h5": Reader(
        lambda path: restore(solver("adam_hdf5"), path),
        [SOLVERS / "adam_hdf5_iter_6.solverstate.h5"],
    ),
    "net as text": Reader(build, sorted(GOLDEN.glob("layers/*.prototxt"))),
    "solver as text": Reader(text.read_solver, sorted(SOLVERS.glob("*.solver.prototxt"))),
    "net as binary": Reader(
        lambda path: upgrade_net(binary.read(path, NetParameter)),
        sorted(SOLVERS.glob("*.caffemodel")),
    ),
    "mean": Reader(lambda path: binary.read(path, BlobProto), [GOLDEN / "data/mean.binaryproto"]),
}
