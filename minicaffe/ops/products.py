"""How a layer's products are computed on a GPU: by whose code, and how exactly.

fp32 multiplies float32 as it is. tf32 rounds the factors to 10 bits behind the point, bf16 to 7;
both add in float32, and blobs, weights and their updates stay float32. Nets of float64, and the
CPU, know fp32 alone.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any, NamedTuple

from minicaffe.device import Device
from minicaffe.errors import DeviceError
from minicaffe.precision import PRECISIONS

Asking = AbstractContextManager[None]

_COMPUTE_TYPES = {"tf32": "COMPUTE_TYPE_TF32", "bf16": "COMPUTE_TYPE_BF16"}
_LEAST_CAPABILITY = 80  # 8.0, Ampere: the first whose tensor cores take either


class Products(NamedTuple):
    """What is asked for.

    Attributes:
        engine: "CUDNN"; "CAFFE" for a product with columns; "DEFAULT" leaves it to us.
        precision: one of ``PRECISIONS``.
    """

    engine: str = "DEFAULT"
    precision: str = "fp32"


class _Thread(threading.local):
    now = Products()


_thread = _Thread()


def current() -> Products:
    """What the layer that is running on this thread asks for."""
    return _thread.now


def products(device: Device, engine: int = 0) -> Asking:
    """What a layer runs its products in; it can be entered again and again.

    Args:
        device: of the layer.
        engine: as ``ConvolutionParameter.Engine`` numbers them.
    """
    asked = Products(("DEFAULT", "CAFFE", "CUDNN")[engine], device.precision)
    if device.index is None or asked == Products():
        return nullcontext()
    return _Inside(device.xp, asked)


class _Inside(AbstractContextManager[None]):
    """Inside, ``current`` is ``asked``, and cuBLAS multiplies float32 accordingly.

    CuPy keeps what cuBLAS is told for the process, not for a thread: nets of unlike precisions
    cannot run at the same time in one process.
    """

    def __init__(self, xp: ModuleType, asked: Products) -> None:
        self._asked = asked
        self._cublas = _cublas(xp, asked.precision)
        self._before: list[tuple[Products, Any]] = []

    def __enter__(self) -> None:
        told = None
        if self._cublas:
            told = self._cublas.get_compute_type("f")
            self._cublas.set_compute_type("f", self._cublas.asked)
        self._before.append((_thread.now, told))
        _thread.now = self._asked

    def __exit__(self, *error: object) -> None:
        _thread.now, told = self._before.pop()
        if self._cublas:
            self._cublas.set_compute_type("f", told)


class _CuBLAS(NamedTuple):
    """CuPy's functions that get and set how cuBLAS computes with a type, and what is asked."""

    get_compute_type: Any
    set_compute_type: Any
    asked: int


def _cublas(xp: ModuleType, precision: str) -> _CuBLAS | None:
    if precision not in _COMPUTE_TYPES or xp.__name__ != "cupy":
        return None
    from cupy._core import _routines_linalg as linalg  # CuPy has no public name for this

    asked = getattr(linalg, _COMPUTE_TYPES[precision])
    return _CuBLAS(linalg.get_compute_type, linalg.set_compute_type, asked)


def checked_precision(device: Device) -> Device:
    """``device``, if it can compute as its ``precision`` says.

    Raises:
        DeviceError: there is no such precision, or the device does not have it.
    """
    name = device.precision
    if name not in PRECISIONS:
        raise DeviceError(f"precision is {name!r}, expected one of {', '.join(PRECISIONS)}")
    if name == "fp32":
        return device
    if device.index is None:
        raise DeviceError(f"precision is {name}, expected fp32: the CPU computes in no other")
    capability = int(device.xp.cuda.Device(device.index).compute_capability)
    if capability < _LEAST_CAPABILITY:
        raise DeviceError(
            f"precision is {name} on a device of compute capability {capability / 10}, expected "
            f"fp32: {name} needs {_LEAST_CAPABILITY / 10} or more (Ampere and later)"
        )
    return device
