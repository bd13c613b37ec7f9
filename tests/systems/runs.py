"""Nets of a few lines, trained on arrays in memory."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, NetState, SolverParameter
from minicaffe.solver import Solver

DATA = Path(__file__).parent / "data"
MNIST = Path(__file__).resolve().parents[2] / "models" / "lenet" / "data"  # not beside a wheel


def input_of(name: str, *shape: int) -> str:
    """An Input layer whose top has its name."""
    dims = " ".join(f"dim: {length}" for length in shape)
    param = f"input_param {{ shape {{ {dims} }} }}"
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" {param} }}'


def layer(kind: str, bottoms: str, top: str, fields: str = "") -> str:
    """A layer named as its top; bottoms are words."""
    names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{top}" type: "{kind}" {names} top: "{top}" {fields} }}'


def inner_product(bottom: str, top: str, outputs: int, filler: str = 'type: "xavier"') -> str:
    """An InnerProduct whose weights start by ``filler``."""
    fields = f"num_output: {outputs} weight_filler {{ {filler} }}"
    return layer("InnerProduct", bottom, top, f"inner_product_param {{ {fields} }}")


def solver_of(net: str, seed: int = 1, **fields: object) -> Solver:
    """A solver of ``net`` that shows and stores nothing."""
    param = SolverParameter(
        base_lr=0.1,
        lr_policy="fixed",
        max_iter=1 << 20,
        random_seed=seed,
        snapshot_after_train=False,
    )
    for name, value in fields.items():
        setattr(param, name, value)
    text_format.Parse(net, param.net_param)
    return Solver(param, cpu(seed))


def net_of(net: str, dtype: type = np.float64, seed: int = 1) -> Net:
    """``net``, with gradients down to its inputs."""
    definition = text_format.Parse(f"force_backward: true {net}", NetParameter())
    return Net(definition, device=cpu(seed), dtype=dtype)


def fill(net: Net, **arrays: np.ndarray) -> None:
    """Put arrays into the inputs of those names."""
    for name, array in arrays.items():
        net.blobs[name].reshape(array.shape)
        net.blobs[name].data[...] = array
    net.reshape()


def train_on(
    solver: Solver, x: np.ndarray, t: np.ndarray, iterations: int, seed: int = 0, size: int = 64
) -> None:
    """Iterations on batches of the inputs ``x`` and ``t``, each drawn from the arrays."""
    rng, batch = np.random.default_rng(seed), np.arange(size)
    fill(solver.net, x=x[batch], t=t[batch])
    for _ in range(iterations):
        batch = rng.integers(0, len(x), size)
        for name, array in (("x", x), ("t", t)):
            solver.net.blobs[name].data[...] = array[batch]
        solver.step(1)


def in_test(solver: Solver) -> Net:
    """The net that ``solver`` trains, in TEST, on the same parameters."""
    net = Net(solver.param.net_param, NetState(phase=TEST))
    net.share_weights(solver.net)
    return net


def accuracy(net: Net, x: np.ndarray, t: np.ndarray) -> float:
    """The share of the items ``x`` whose largest ``y`` is that of their label ``t``."""
    fill(net, x=x, t=t)
    net.forward()
    return float((net.blobs["y"].data.argmax(axis=1) == t).mean())


def optdigits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images (N, 64) in 0..1 and labels (N,), for training and for tests."""
    with np.load(DATA / "optdigits.npz") as file:
        rows = [file[name] for name in ("train", "test")]
    train, test = ((part[:, :-1] / np.float32(16), part[:, -1]) for part in rows)
    return train, test


def mnist(part: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``count`` digits of "train" or "t10k": (N, 1, 28, 28) in 0..1, labels (N,)."""
    if not MNIST.exists():
        pytest.skip("needs a checkout, not a wheel: MNIST is in models/lenet/data")
    with gzip.open(MNIST / f"{part}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(16 + count * 28 * 28), np.uint8, offset=16)
    with gzip.open(MNIST / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(8 + count), np.uint8, offset=8)
    return pixels.reshape(-1, 1, 28, 28) / np.float32(255), labels.astype(np.int64)
