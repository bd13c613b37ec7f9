from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from minicaffe.cli.main import main
from tests.cli.test_device import install


def test_the_cpu(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["device_query"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("CPU: ")
    assert lines[1].startswith("  numpy ")
    assert any(line.startswith("  BLAS: ") for line in lines)
    assert lines[-1].startswith("GPU: none: CuPy is not installed")


def test_a_gpu_that_is_asked_for_must_be_there(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["device_query", "-gpu", "all"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("minicaffe: error: -gpu all: CuPy is not installed")


def properties(number):
    return {"name": b"H%d" % number, "totalGlobalMem": 3 << 29, "major": 9, "minor": number}


@pytest.mark.parametrize(("nccl", "words"), [(True, "found"), (False, "none: pip install")])
@pytest.mark.parametrize(("flags", "numbers"), [([], [0, 1]), (["-gpu", "1"], [1])])
def test_gpus(flags, numbers, nccl, words, capsys, monkeypatch):
    cupy, _ = install(monkeypatch, 2, driver=12080)
    cupy.cuda.runtime.getDeviceProperties = properties
    cupy.cuda.nccl = SimpleNamespace(available=nccl)
    cupy.__version__ = "14.2.0"
    assert main(["device_query", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("GPU")] == [
        f"GPU {n}: H{n}, 1.5 GiB, compute capability 9.{n}" for n in numbers
    ]
    assert lines[-2] == "  cupy 14.2.0, CUDA 12.9, driver 12.8"
    assert lines[-1].startswith(f"  NCCL: {words}")


def test_a_gpu_that_is_not_there(capsys, monkeypatch):
    install(monkeypatch, 1)
    assert main(["device_query", "-gpu", "3"]) == 1
    error = capsys.readouterr().err
    assert error == ("minicaffe: error: -gpu 3: device is '3', expected all, or of 0 (Tesla 0)\n")
