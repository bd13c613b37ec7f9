from __future__ import annotations

import sys
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.cli._device import device_for, gpu_numbers
from minicaffe.errors import DeviceError
from minicaffe.proto.minicaffe_pb2 import SolverParameter

NO_FLAG = Namespace(gpu=None, cpu=False)
GPU = SolverParameter(solver_mode=SolverParameter.GPU, device_id=1)


class CudaError(RuntimeError):
    """What CuPy raises without a driver."""


def install(monkeypatch, count):
    """A stand-in for CuPy that sees ``count`` devices; an error in place of a number is raised."""

    def device_count():
        if isinstance(count, Exception):
            raise count
        return count

    used = []
    runtime = SimpleNamespace(
        getDeviceCount=device_count,
        getDeviceProperties=lambda number: {"name": b"Tesla %d" % number},
        CUDARuntimeError=CudaError,
    )
    device = lambda number: SimpleNamespace(use=lambda: used.append(number))  # noqa: E731
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime, Device=device))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy, used


def test_the_cpu_unless_asked(caplog):
    caplog.set_level("INFO", "minicaffe")
    default = SolverParameter()  # solver_mode's default is GPU: not asked for
    for device in (device_for(NO_FLAG), device_for(NO_FLAG, default)):
        assert device.xp is np
    assert [record.message for record in caplog.records] == ["Use CPU."] * 2


def test_the_flag_that_overrides_the_file():
    assert device_for(Namespace(gpu=None, cpu=True), GPU).xp is np


def test_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"^-gpu 0: CuPy is not installed.*pip install cupy-cuda"):
        device_for(Namespace(gpu="0", cpu=False))


def test_a_file_that_asks_says_how_to_do_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"^solver_mode: GPU: CuPy.*add --cpu or write solver_m"):
        device_for(NO_FLAG, GPU)


@pytest.mark.parametrize("count", [0, CudaError("cudaErrorNoDevice")])
def test_without_a_device(count, monkeypatch):
    install(monkeypatch, count)
    with pytest.raises(DeviceError, match="-gpu all: no CUDA device is found"):
        device_for(Namespace(gpu="all", cpu=False))


def test_a_device(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    cupy, used = install(monkeypatch, 2)
    device = device_for(NO_FLAG, GPU)
    assert (device.xp, device.index, used) == (cupy, 1, [1])
    assert [record.message for record in caplog.records] == ["Using GPUs 1", "GPU 1: Tesla 1"]


def test_the_flag_comes_before_the_file(monkeypatch):
    install(monkeypatch, 2)
    assert device_for(Namespace(gpu="0", cpu=False), GPU).index == 0


def test_several_devices(monkeypatch):
    install(monkeypatch, 2)
    with pytest.raises(DeviceError, match=r"-gpu 0,1: 2 devices, expected one"):
        device_for(Namespace(gpu="0,1", cpu=False))


@pytest.mark.parametrize("flag", ["2", "-1", "x", "0,", "0,9"])
def test_device_numbers_that_there_are_not(flag):
    with pytest.raises(DeviceError, match=r"expected one of 0\.\.1, or all"):
        gpu_numbers(flag, 2)


def test_device_numbers():
    assert gpu_numbers("1,0", 2) == [1, 0]
    assert gpu_numbers("all", 3) == [0, 1, 2]
