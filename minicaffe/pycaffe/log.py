"""When a script sees the log: ``init_log``, ``log``, ``GLOG_minloglevel``.

``import minicaffe`` alone shows warnings, in the form of Python's own logging. The whole log, in
glog's form, is shown on stderr after ``init_log()``, under ``python -m minicaffe.run``, and where
the environment has ``GLOG_minloglevel=0``; that variable is read when the first net, solver or
``log`` is asked for, and a 1, 2 or 3 there leaves warnings, errors or nothing.

After: python/caffe/_caffe.cpp (InitLog). Difference: the original shows everything until
``init_log``, and then, unless it is told ``stderr=True``, errors alone; here no files are written.
"""

from __future__ import annotations

import logging
import os
import sys

from minicaffe import glog

__all__ = ["init_log", "log", "log_from_environment", "log_level", "set_default"]

_default: int | None = None  # warnings, as Python's logging shows them
_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)  # glog's 0 to 3


class _Stderr(logging.Handler):
    """Lines to what ``sys.stderr`` is when they come: a notebook's cell, a test's capture."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; where stderr is gone or closed it is lost."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            return


_handler = _Stderr()
_handler.setFormatter(glog.GlogFormatter())


def init_log(level: int = 0, stderr: bool = True) -> None:
    """Show the log on stderr from now on, in glog's form.

    Args:
        level: of the least that is shown: 0 everything, 1 warnings, 2 errors, 3 nothing.
        stderr: as for the original, False leaves errors alone.
    """
    least = log_level(level)
    glog.logger.setLevel(least)
    _handler.setLevel(least if stderr else max(least, logging.ERROR))
    if not glog.logger.handlers:  # the command line shows the log already
        glog.logger.addHandler(_handler)


def log(message: str) -> None:
    """Write ``message`` into the log."""
    log_from_environment()
    glog.info("_caffe.cpp:68", str(message))


def log_level(level: int) -> int:
    """The level of Python's logging for one of glog's, 0 to 3; beyond, the nearest."""
    return _LEVELS[min(max(int(level), 0), len(_LEVELS) - 1)]


def set_default(level: int | None) -> None:
    """Show what glog's ``level`` says from the first net on, where nobody says anything else."""
    global _default
    _default = level


def log_from_environment() -> None:
    """Show what ``GLOG_minloglevel`` asks for, or the default; called before anything is built.

    Where neither says anything, or a log is shown already, nothing changes.
    """
    text = os.environ.get("GLOG_minloglevel", "").strip()  # noqa: SIM112  # glog's name
    level = int(text) if text.isdecimal() else _default
    if level is not None and not glog.logger.handlers:
        init_log(level)
