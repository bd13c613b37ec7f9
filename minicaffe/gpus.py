"""The GPUs there are, as CuPy sees them; CuPy is loaded when they are first asked for.

What can be wrong is told apart, each with what to install or to choose: no CuPy, a CuPy of
another CUDA than the driver's, no driver, no GPU, no room on one.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from minicaffe.errors import DeviceError

INSTALL = "pip install 'minicaffe[cuda12]', or 'minicaffe[cuda13]' with a driver of CUDA 13"
_LIBRARY = {"win32": "nvcuda.dll"}.get(sys.platform, "libcuda.so.1")


def count_gpus() -> tuple[Any, int]:
    """CuPy, and how many devices it sees.

    Raises:
        DeviceError: CuPy or the driver is missing or too old, or there is no device.
    """
    cupy = _cupy()
    runtime = cupy.cuda.runtime
    try:
        count = int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        raise DeviceError(_why_none(runtime, error)) from error
    if not count:
        raise DeviceError(_why_none(runtime, None))
    return cupy, count


def gpu_name(cupy: Any, number: int) -> str:
    """What its maker calls the device."""
    name = cupy.cuda.runtime.getDeviceProperties(number)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def list_gpus(cupy: Any, count: int) -> str:
    """``0 (NVIDIA H200), 1 (NVIDIA H200)``: what can be chosen from."""
    return ", ".join(f"{number} ({gpu_name(cupy, number)})" for number in range(count))


def use_gpu(cupy: Any, number: int) -> None:
    """Compute on device ``number`` from now on, in this thread.

    Raises:
        DeviceError: it cannot be used: there is no room on it, or another process has it alone;
            or CUDA's compiler is missing.
    """
    runtime = cupy.cuda.runtime
    try:
        cupy.cuda.Device(number).use()
        runtime.memGetInfo()  # what the driver needs on it is made here, if there is room
    except runtime.CUDARuntimeError as error:
        raise DeviceError(
            f"GPU {number} ({gpu_name(cupy, number)}) cannot be used: {error}; does another "
            "process fill it, or hold it alone? See nvidia-smi, or choose another device"
        ) from error
    try:
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, OSError, RuntimeError) as error:
        major = runtime.runtimeGetVersion() // 1000
        raise DeviceError(
            f"CUDA's compiler is not found ({_first_line(error)}), expected it to make kernels: "
            f"pip install 'cupy-cuda{major}x[ctk]', or nvidia-cuda-nvrtc"
            + ("-cu12" if major == 12 else "")
        ) from error


def driver_cuda() -> int:
    """The newest CUDA that the driver runs, 12040 for 12.4; 0 where there is no driver."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        version = ctypes.c_int()
        failed = library.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return 0
    return 0 if failed else version.value


def dotted(version: int) -> str:
    """12.4 for 12040, as CUDA counts."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _cupy() -> Any:
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name not in ("cupy", None):
            raise DeviceError(f"CuPy cannot be loaded: {error}; {_advice()}") from error
        raise DeviceError(f"CuPy is not installed, expected it: {_advice()}") from error
    except ImportError as error:
        raise DeviceError(f"CuPy cannot be loaded: {_first_line(error)}; {_advice()}") from error
    return cupy


def _advice() -> str:
    """What to install here."""
    driver = driver_cuda()
    if not driver:
        return f"{INSTALL}; no NVIDIA driver is found either"
    extra = "cuda13" if driver >= 13000 else "cuda12"
    return f"pip install 'minicaffe[{extra}]', as the driver has CUDA {dotted(driver)}"


def _why_none(runtime: Any, error: Exception | None) -> str:
    """Why there is no device."""
    driver, built = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if not driver:
        return (
            "no CUDA device is found: no NVIDIA driver is loaded, expected one for CUDA "
            f"{built // 1000}: install it, or see what nvidia-smi says (in a container: was it "
            "started with --gpus all?)"
        )
    if driver // 1000 < built // 1000:
        older = f", or pip install cupy-cuda{driver // 1000}x in its place" * (driver >= 12000)
        return (
            f"no CUDA device can be used: the driver has CUDA {dotted(driver)}, expected "
            f"{dotted(built // 1000 * 1000)} or newer, for which CuPy is built: install a newer "
            f"driver{older}"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = "" if visible is None else f" CUDA_VISIBLE_DEVICES is {visible!r}, which may hide it;"
    what = f": {_first_line(error)}" if error else ""
    return f"no CUDA device is found{what};{hidden} see what nvidia-smi says"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
