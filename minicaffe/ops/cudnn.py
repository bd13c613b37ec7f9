"""NVIDIA's cuDNN, through its own ``nvidia-cudnn-frontend``: whether it is there, and its handles.

Where it is missing, convolutions are products with columns, which cuBLAS computes.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from minicaffe import glog
from minicaffe.gpus import gpu_name

INSTALL = (
    "pip install 'nvidia-cudnn-frontend>=1.14' nvidia-cudnn-cu13, or nvidia-cudnn-cu12 for CUDA 12"
)
_OLDEST = 90000  # 9.0.0, as backend_version counts
_handles: dict[tuple[int, int], list[Any]] = {}  # (thread, device) -> [handle, its stream]


def library() -> Any | None:
    """The module ``cudnn``, None where it cannot be used; says so in the log once."""
    import cupy

    return _library(cupy)


@cache
def _library(cupy: Any) -> Any | None:
    """For this CuPy, since tests have several."""
    try:
        import cudnn

        version = int(cudnn.backend_version())
        if version < _OLDEST:
            raise ImportError(f"its version is {version}, expected {_OLDEST} or more")
        handle(cudnn)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        why = f"{error}".strip() or type(error).__name__
        glog.warning(
            "cudnn.py:1",
            f"cuDNN cannot be used, convolutions run as columns and products: {why}; {INSTALL}",
        )
        return None
    return cudnn


def handle(cudnn: Any) -> Any:
    """The handle of this thread for the current device, set to the current stream.

    One for all streams of a device: to make one takes device memory, which must not be while a
    stream is captured.
    """
    import cupy

    key = threading.get_ident(), int(cupy.cuda.runtime.getDevice())
    stream = int(cupy.cuda.get_current_stream().ptr)
    if key not in _handles:
        _handles[key] = [cudnn.create_handle(), None]
    known = _handles[key]
    if known[1] != stream:
        cudnn.set_stream(known[0], stream)
        known[1] = stream
    return known[0]


@cache
def described(cudnn: Any, device: int) -> str:
    """The card, and which cuDNN computes on it: measurements hold for these alone."""
    import cupy

    return f"{gpu_name(cupy, device)}, cuDNN {cudnn.backend_version()}"
