"""Graphs of convolutions: as the real frontend takes them, and as cuDNN itself judges them.

Where the wheels are installed, NVIDIA's own library checks and plans every graph, and no GPU is
needed: it is told the properties of one. Where its driver is missing, g++ makes a stand-in that
finds no device. Without the wheels, or g++, this is skipped.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from minicaffe.ops.cudnn_graph import strides
from tests import fake_cudnn

needs_wheel = pytest.mark.skipif(
    find_spec("cudnn") is None, reason="nvidia-cudnn-frontend is not installed"
)
H100 = {  # as cuDNN writes it, from public figures
    "maxGridSize": [2147483647, 65535, 65535],
    "maxBlockSize": [1024, 1024, 64],
    "regsPerBlock": 65536,
    "multiProcessorCount": 132,
    "smCountOrigin": 0,
    "smClockRateKHz": 1980000,
    "memClockRateKHz": 2619000,
    "memoryBusWidth": 5120,
    "l2CacheSize": 52428800,
    "warpSize": 32,
    "maxSharedMemoryPerBlock": 49152,
    "maxSharedMemoryPerBlockOptin": 232448,
    "oversizedSharedMemoryPerBlock": 0,
    "reservedSharedMemoryPerBlock": 1024,
    "maxRegistersPerSM": 65536,
    "maxCtasPerSM": 32,
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048,
    "isTccDriver": 0,
    "supportCoopLaunch": 1,
    "deviceVer": 900,
    "driverVer": 13000,
    "cudaDeviceId": 0,
    "totalGlobalMem": 85_000_000_000,
    "pciDeviceId": 0,
    "deviceName": "NVIDIA H100",
}
DRIVER = """
int cuInit(unsigned f) { return 100; }
int cuDriverGetVersion(int *v) { *v = 13000; return 0; }
int cuGetErrorString(int e, const char **s) { *s = "no device"; return 0; }
int cuGetErrorName(int e, const char **s) { *s = "CUDA_ERROR_NO_DEVICE"; return 0; }
int cuDeviceGetCount(int *n) { *n = 0; return 100; }
int cuModuleGetFunction() { return 100; }
int cuModuleLoadData() { return 100; }
int cuModuleUnload() { return 100; }
int cuTensorMapEncodeIm2col() { return 100; }
int cuTensorMapEncodeTiled() { return 100; }
"""
RUNTIME = """
int cudaGetDevice(int *d) { *d = 0; return 0; }
int cudaGetDeviceCount(int *d) { *d = 1; return 0; }
int cudaGetLastError() { return 0; }
int cudaRuntimeGetVersion(int *v) { *v = 13000; return 0; }
const char *cudaGetErrorString(int e) { return "no device"; }
int cudaDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? 9 : a == 16 ? 132 : 0; return 0; }
"""


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 3, 4, 5), [60, 20, 5, 1]), ((7, 1, 2, 3, 4), [24, 24, 12, 4, 1]), ((3,), [1])],
)
def test_strides(shape, expected):
    assert strides(shape) == expected


@needs_wheel
def test_the_stand_in_has_what_the_wheel_has():
    real = pytest.importorskip("cudnn")
    for kind in ("data_type", "heur_mode", "numerical_note"):
        names = {each.name for each in getattr(fake_cudnn, kind)}
        assert names <= set(getattr(real, kind).__members__)
    for name in ("backend_version", "create_handle", "set_stream", "cudnnGraphNotSupportedError"):
        assert hasattr(real, name)
    ours = {name for name, _ in inspect.getmembers(fake_cudnn.pygraph, inspect.isfunction)}
    for name in ours - {"__init__"}:
        assert name.startswith("_") or hasattr(real.pygraph, name), name


@needs_wheel
@pytest.mark.skipif(which("g++") is None, reason="g++ makes what stands for the driver")
def test_cudnn_has_a_plan_for_every_convolution(tmp_path):
    """In a process of its own: the driver's stand-in must be there when cuDNN is loaded."""
    (tmp_path / "device.json").write_text(json.dumps(H100))
    for name, source in (("libcuda.so.1", DRIVER), ("libcudart_alone.so", RUNTIME)):
        command = ["g++", "-shared", "-fPIC", "-xc++", "-", "-o", str(tmp_path / name)]
        wrapped = f'extern "C" {{{source}}}'
        subprocess.run(command, input=wrapped, text=True, check=True, capture_output=True)
    paths = os.environ.get("LD_LIBRARY_PATH", "")
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": f"{tmp_path}:{paths}" if not _has_driver() else paths,
        "CUDNN_FRONTEND_CUDART_LIB_NAME": str(tmp_path / "libcudart_alone.so"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    run = subprocess.run(
        [sys.executable, "-m", "tests.cudnn_judges", str(tmp_path / "device.json")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    if "SKIP" in run.stdout:
        pytest.skip(run.stdout.strip())
    assert not run.returncode, run.stdout + run.stderr
    assert int(run.stdout.split()[-1]) > 300


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
