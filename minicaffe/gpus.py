"""The GPUs there are, as CuPy sees them; CuPy is loaded when they are first asked for."""

from __future__ import annotations

from typing import Any

from minicaffe.errors import DeviceError

INSTALL = "pip install cupy-cuda13x, or cupy-cuda12x for CUDA 12"


def count_gpus() -> tuple[Any, int]:
    """CuPy, and how many devices it sees.

    Raises:
        DeviceError: CuPy or the driver is missing, or there is no device.
    """
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(f"CuPy is not installed, expected it: {INSTALL}") from error
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f"no CUDA device is found: {error}; see what nvidia-smi says") from error
    if not count:
        raise DeviceError("no CUDA device is found; see what nvidia-smi says")
    return cupy, count


def gpu_name(cupy: Any, number: int) -> str:
    """What its maker calls the device."""
    name = cupy.cuda.runtime.getDeviceProperties(number)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)
