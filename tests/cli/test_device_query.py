from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from minicaffe.cli.main import main


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


@pytest.mark.parametrize(("flags", "numbers"), [([], [0, 1]), (["-gpu", "1"], [1])])
def test_gpus(flags, numbers, capsys, monkeypatch):
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 2, getDeviceProperties=properties, CUDARuntimeError=RuntimeError
    )
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime), __version__="14.2.0")
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert main(["device_query", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("GPU")] == [
        f"GPU {n}: H{n}, 1.5 GiB, compute capability 9.{n}" for n in numbers
    ]
    assert lines[-1] == "  cupy 14.2.0"
