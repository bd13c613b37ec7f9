"""Ctrl-C while a solver trains: it ends the iteration, then raises.

An update that is done for half of the parameters would be lost for good, and a compiled kernel
goes on writing while Python has turned to something else. So the first Ctrl-C is a request, which
the solver asks for between two iterations; a second one raises wherever it comes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["asked", "deferred"]


class _State:
    """What the main thread is in.

    Attributes:
        depth: how many ``deferred`` blocks, one in the other.
        asked: Ctrl-C came since the outermost began.
    """

    depth = 0
    asked = False


def asked() -> bool:
    """Ctrl-C has been pressed: stop soon. Never so in a thread other than the main one."""
    return _State.asked and _in_main_thread()


@contextmanager
def deferred() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block, where ``KeyboardInterrupt`` is raised then.

    A handler that the program has put in itself stays, and in a thread other than the main one,
    which no signal reaches, nothing changes.
    """
    outermost = _State.depth == 0
    if not _in_main_thread() or (
        outermost and signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    if outermost:
        signal.signal(signal.SIGINT, _ask)
    _State.depth += 1
    try:
        yield
    except BaseException:
        _leave(outermost)
        raise
    if _leave(outermost):
        raise KeyboardInterrupt


def _leave(outermost: bool) -> bool:
    """End a block; returns whether Ctrl-C was pressed in it, or in one around it."""
    _State.depth -= 1
    if outermost:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed, _State.asked = _State.asked, _State.asked and not outermost
    return pressed


def _ask(number: int, frame: FrameType | None) -> None:
    if _State.asked:
        raise KeyboardInterrupt
    _State.asked = True


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
