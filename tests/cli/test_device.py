from __future__ import annotations

import sys
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.cli._device import asker, device_for, gpu_device, gpu_numbers, gpus_for
from minicaffe.errors import DeviceError
from minicaffe.proto.minicaffe_pb2 import SolverParameter

NO_FLAG = Namespace(gpu=None, cpu=False)
GPU = SolverParameter(solver_mode=SolverParameter.GPU, device_id=1)


class CudaError(RuntimeError):
    """What CuPy raises without a driver."""


def raising(value):
    def call(*args):
        if isinstance(value, Exception):
            raise value
        return value

    return call


def install(monkeypatch, count, *, driver=13000, built=12090, room=(1, 2), nvrtc=(12, 9)):
    """A stand-in for CuPy that sees ``count`` devices; an error in place of a value is raised."""
    used = []
    runtime = SimpleNamespace(
        getDeviceCount=raising(count),
        getDeviceProperties=lambda number: {"name": b"Tesla %d" % number},
        driverGetVersion=raising(driver),
        runtimeGetVersion=raising(built),
        memGetInfo=raising(room),
        CUDARuntimeError=CudaError,
    )
    device = lambda number: SimpleNamespace(use=lambda: used.append(number))  # noqa: E731
    compiler = SimpleNamespace(getVersion=raising(nvrtc))
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime, Device=device, nvrtc=compiler))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy, used


def test_the_cpu_unless_asked(caplog):
    caplog.set_level("INFO", "minicaffe")
    default = SolverParameter()  # solver_mode's default is GPU: not asked for
    assert device_for(NO_FLAG).xp is np
    assert gpus_for(NO_FLAG, default) == []
    assert gpu_device([], 0, asker(NO_FLAG)).xp is np
    assert [record.message for record in caplog.records] == ["Use CPU."] * 2


def test_the_flag_that_overrides_the_file():
    assert gpus_for(Namespace(gpu=None, cpu=True), GPU) == []


def test_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"^-gpu 0: CuPy is not installed.*pip install 'minica"):
        device_for(Namespace(gpu="0", cpu=False))


def test_a_file_that_asks_says_how_to_do_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"^solver_mode: GPU: CuPy.*add --cpu or write solver_m"):
        gpus_for(NO_FLAG, GPU)


@pytest.mark.parametrize("count", [0, CudaError("cudaErrorNoDevice")])
def test_without_a_device(count, monkeypatch):
    install(monkeypatch, count)
    with pytest.raises(DeviceError, match="-gpu all: no CUDA device is found"):
        device_for(Namespace(gpu="all", cpu=False))


def test_a_device(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    cupy, used = install(monkeypatch, 2)
    device = gpu_device(gpus_for(NO_FLAG, GPU), 0, asker(NO_FLAG, GPU))
    assert (device.xp, device.index, used) == (cupy, 1, [1])
    assert [record.message for record in caplog.records] == ["Using GPUs 1", "GPU 1: Tesla 1"]


def test_the_flag_comes_before_the_file(monkeypatch):
    install(monkeypatch, 2)
    assert gpus_for(Namespace(gpu="0", cpu=False), GPU) == [0]


def test_of_several_devices_what_does_not_train_takes_the_first(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    _, used = install(monkeypatch, 3)
    assert device_for(Namespace(gpu="2,0", cpu=False)).index == 2
    assert used == [2]
    assert caplog.messages == ["Using GPUs 2", "GPU 2: Tesla 2"]


def test_each_process_has_its_own_device(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    _, used = install(monkeypatch, 3)
    args = Namespace(gpu="all", cpu=False)
    gpus = gpus_for(args, GPU)
    assert [gpu_device(gpus, rank, asker(args)).index for rank in range(3)] == [0, 1, 2]
    assert used == [0, 1, 2]
    messages = [record.message for record in caplog.records]
    assert messages == ["Using GPUs 0, 1, 2", *[f"GPU {n}: Tesla {n}" for n in range(3)]]


def test_a_device_that_is_full(monkeypatch):
    install(monkeypatch, 2, room=CudaError("cudaErrorMemoryAllocation: out of memory"))
    with pytest.raises(DeviceError, match=r"^-gpu 1: GPU 1 \(Tesla 1\) cannot.*out of memory.*nv"):
        device_for(Namespace(gpu="1", cpu=False))


@pytest.mark.parametrize("flag", ["2", "-1", "x", "0,", "0,9"])
def test_device_numbers_that_there_are_not(flag, monkeypatch):
    cupy, _ = install(monkeypatch, 2)
    with pytest.raises(DeviceError, match=r"expected all, or of 0 \(Tesla 0\), 1 \(Tesla 1\)"):
        gpu_numbers(flag, cupy, 2)


def test_a_device_given_twice(monkeypatch):
    cupy, _ = install(monkeypatch, 2)
    with pytest.raises(DeviceError, match="device 1 is given twice"):
        gpu_numbers("1,0,1", cupy, 2)


def test_device_numbers(monkeypatch):
    cupy, _ = install(monkeypatch, 3)
    assert gpu_numbers("1,0", cupy, 2) == [1, 0]
    assert gpu_numbers("all", cupy, 3) == [0, 1, 2]
