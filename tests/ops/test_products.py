from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.device import Device, cpu
from minicaffe.errors import DeviceError
from minicaffe.ops import products as ops
from minicaffe.ops.products import Products, checked_precision, products
from tests import fake_cupy
from tests.conftest import HAS_GPU

linalg = SimpleNamespace(COMPUTE_TYPE_TF32="tf32 of cuBLAS", COMPUTE_TYPE_BF16="bf16 of cuBLAS")


class Cupy:
    """As far as products go."""

    __name__ = "cupy"

    def __init__(self, capability="80"):
        device = SimpleNamespace(compute_capability=capability)
        self.cuda = SimpleNamespace(Device=lambda number: device)


@pytest.fixture
def cublas(monkeypatch):
    """What cuBLAS computes float32 with, by turns."""
    told = ["as the user has it"]
    linalg.get_compute_type = lambda dtype: told[-1] if dtype == "f" else None
    linalg.set_compute_type = lambda dtype, kind: told.append(kind)
    for name in ("cupy", "cupy._core"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    core = SimpleNamespace(_routines_linalg=linalg)
    monkeypatch.setitem(sys.modules, "cupy._core", core)
    return told


def gpu(precision="fp32", xp=fake_cupy):
    return Device(xp, 0, np.random.default_rng(0), precision=precision)


def test_inside_and_after(cublas):
    outer, inner = products(gpu("tf32", Cupy()), 1), products(gpu("bf16", Cupy()), 2)
    assert ops.current() == Products("DEFAULT", "fp32")
    with outer:
        assert ops.current() == Products("CAFFE", "tf32")
        assert cublas[-1] == "tf32 of cuBLAS"
        with inner:
            assert ops.current() == Products("CUDNN", "bf16")
            assert cublas[-1] == "bf16 of cuBLAS"
            with outer:
                assert ops.current().precision == "tf32"
            assert cublas[-1] == "bf16 of cuBLAS"
        assert cublas[-1] == "tf32 of cuBLAS"
    assert ops.current() == Products("DEFAULT", "fp32")
    assert cublas[-1] == "as the user has it"


def test_an_error_inside_is_not_kept(cublas):
    with pytest.raises(ValueError, match="mine"), products(gpu("tf32", Cupy())):
        raise ValueError("mine")
    assert ops.current() == Products()
    assert cublas[-1] == "as the user has it"


def test_fp32_leaves_cublas_alone(cublas):
    with products(gpu(xp=Cupy()), 1):
        assert ops.current() == Products("CAFFE", "fp32")
    assert len(cublas) == 1


@pytest.mark.parametrize("engine", [0, 1, 2])
def test_the_cpu_asks_for_nothing(engine):
    with products(cpu(), engine):
        assert ops.current() == Products()


def test_names_are_cupys():
    linalg = pytest.importorskip("cupy._core._routines_linalg")
    for name in ("COMPUTE_TYPE_TF32", "COMPUTE_TYPE_BF16", "get_compute_type", "set_compute_type"):
        assert hasattr(linalg, name)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_precision_of_a_new_card(precision):
    device = gpu(precision, Cupy("90"))
    assert checked_precision(device) is device


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (gpu("fp16"), "precision is 'fp16', expected one of fp32, tf32, bf16"),
        (gpu("tf32", Cupy("75")), "precision is tf32 on a device of compute capability 7.5"),
        (
            Device(np, None, np.random.default_rng(0), precision="bf16"),
            "precision is bf16, expected fp32: the CPU",
        ),
    ],
    ids=["unknown", "old", "cpu"],
)
def test_what_is_refused(device, message):
    with pytest.raises(DeviceError, match=message):
        checked_precision(device)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="no CUDA device")
@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-5), ("tf32", 5e-3), ("bf16", 3e-2)])
def test_cublas_multiplies_so_on_a_gpu(rng, precision, most):
    cupy = pytest.importorskip("cupy")
    device = checked_precision(gpu(precision, cupy))
    a, b = (rng.random((256, 256), np.float32) for _ in range(2))
    with products(device):
        found = cupy.matmul(cupy.asarray(a), cupy.asarray(b)).get()
    error = np.abs(found / (a.astype(np.float64) @ b) - 1).max()
    assert error < most
    if precision != "fp32":
        assert error > 1e-6, "it was not rounded"
