"""The log, in the form of glog lines that tools for Caffe's logs read.

Everything goes through the logger ``minicaffe`` of the standard library: a program that uses
the package hears warnings alone, and the command line installs ``GlogFormatter``.
"""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger("minicaffe")


def info(where: str, message: str) -> None:
    """Log ``message``; ``where`` is Caffe's FILE:LINE for it, which parsers look for."""
    logger.info(message, extra={"where": where})


def warning(where: str, message: str) -> None:
    """Warn of what is allowed but probably not meant."""
    logger.warning(message, extra={"where": where})


def error(where: str, message: str) -> None:
    """Say what failed where the program goes on without it, as the original does."""
    logger.error(message, extra={"where": where})


def is_on() -> bool:
    """Someone listens to ``info``: ask before making a long message."""
    return logger.isEnabledFor(logging.INFO)


def number(value: float) -> str:
    """``value`` with six significant digits, as C++ streams print a float."""
    return f"{value:g}"


def output(name: str, value: float, weight: float = 0.0) -> str:
    """``name = value``, and for a loss, of ``weight`` other than 0, its share in the whole."""
    share = f" (* {number(weight)} = {number(weight * value)} loss)" if weight else ""
    return f"{name} = {number(value)}{share}"


class GlogFormatter(logging.Formatter):
    """``I1120 09:26:36.024282 16682 solver.cpp:45] message``; every line has four date digits."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, in glog's form; call it from the thread that logs."""
        where = getattr(record, "where", f"{record.filename}:{record.lineno}")
        stamp = time.strftime("%m%d %H:%M:%S", time.localtime(record.created))
        micros = int(record.created % 1 * 1e6)
        head = f"{record.levelname[0]}{stamp}.{micros:06d} {threading.get_native_id():5d} {where}] "
        return head + record.getMessage().removesuffix("\n")
