"""Timer: how long something takes, on the GPU too."""

from __future__ import annotations

from time import perf_counter

from minicaffe import glog
from minicaffe.pycaffe import mode

__all__ = ["Timer"]


class Timer:
    """``start()``, what is to be timed, ``stop()``, ``ms``; then as often as wanted.

    In GPU mode both wait for what the GPU has been told to do.
    After: src/caffe/util/benchmark.cpp. As there ``start`` while it runs does nothing, and to ask
    for the time stops it.
    """

    def __init__(self) -> None:
        self._started: float | None = None
        self._seconds: float | None = None

    def start(self) -> None:
        """Measure from now on."""
        if self._started is None:
            _synchronize()
            self._started = perf_counter()

    def stop(self) -> None:
        """Measure up to now."""
        if self._started is not None:
            _synchronize()
            self._seconds = perf_counter() - self._started
            self._started = None

    @property
    def seconds(self) -> float:
        """What passed between ``start`` and ``stop``; 0, and a warning, before any ``start``."""
        self.stop()
        if self._seconds is None:
            glog.warning("benchmark.cpp:41", "Timer has never been run before reading time.")
            return 0.0
        return self._seconds

    @property
    def ms(self) -> float:
        """``seconds`` in milliseconds."""
        return self.seconds * 1e3

    @property
    def us(self) -> float:
        """``seconds`` in microseconds."""
        return self.seconds * 1e6


def _synchronize() -> None:
    device = mode.device()
    if device.index is not None and hasattr(device.xp, "cuda"):
        device.xp.cuda.get_current_stream().synchronize()
