"""A GPU with cuDNN, played by the CPU: ``tests.cuda_on_cpu`` and ``tests.fake_cudnn`` together.

Addresses are real: what the stand-in for cuDNN is told lies there, it reads there. Time is what
its plans are said to take.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from minicaffe.ops import choice, cudnn, cudnn_plans
from tests import fake_cudnn, fake_cupy
from tests.cuda_on_cpu import cupy_on_cpu, host

STREAM = 77


class Event:
    """``cupy.cuda.Event``."""

    def record(self, stream: Any = None) -> None:
        self.at = fake_cudnn.state.clock

    def synchronize(self) -> None:
        return


class Memory:
    """What ``cupy.cuda.alloc`` gives."""

    taken: list[int] = []  # noqa: RUF012  # sizes, in order

    def __init__(self, size: int) -> None:
        Memory.taken.append(size)
        self._bytes = (ctypes.c_char * max(size, 1))()
        self.ptr = ctypes.addressof(self._bytes)


class Stream:
    """The current one."""

    ptr = STREAM
    capturing = False

    def is_capturing(self) -> bool:
        return self.capturing


def forget() -> None:
    """What a new process would not know: all but the table on disk."""
    cudnn._library.cache_clear()
    cudnn.described.cache_clear()
    cudnn._handles.clear()
    cudnn_plans._bodies.clear()
    cudnn_plans._chosen.clear()
    cudnn_plans._choices.cache_clear()


@contextmanager
def cudnn_on_cpu(kernels: Path, table: Path, module: Any = fake_cudnn) -> Iterator[Any]:
    """Inside, the GPU bodies of convolution run; gives ``cupy``.

    Args:
        kernels: folder for what g++ compiles.
        table: folder for what was chosen.
        module: to be found as ``cudnn``; None for none.
    """
    fake_cudnn.reset()
    forget()
    Memory.taken.clear()
    stream = Stream()
    properties = {"name": b"a card"}
    pool = SimpleNamespace(free_all_blocks=lambda: None)
    before = choice.is_deterministic()
    choice.deterministic(False)
    try:
        with (
            cupy_on_cpu(kernels) as cupy,
            patch.dict("sys.modules", cudnn=module),
            patch.dict("os.environ", XDG_CACHE_HOME=str(table)),
            patch.object(fake_cupy.ndarray, "data", property(_data), create=True),
        ):
            cupy.cuda = SimpleNamespace(
                Event=Event,
                alloc=Memory,
                get_current_stream=lambda: stream,
                get_elapsed_time=lambda start, end: end.at - start.at,
                runtime=SimpleNamespace(
                    getDevice=lambda: 0, getDeviceProperties=lambda number: properties
                ),
            )
            cupy.get_default_memory_pool = lambda: pool
            cupy.stream = stream
            yield cupy
    finally:
        forget()
        choice.deterministic(before)


def _data(array: Any) -> Any:
    return SimpleNamespace(ptr=host(array).ctypes.data)
