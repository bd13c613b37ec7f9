"""Where the log goes: to stderr, above the live bar if there is one, and to a file if asked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from minicaffe.errors import MinicaffeError
from minicaffe.glog import GlogFormatter, logger

if TYPE_CHECKING:
    from rich.console import Console


class StderrHandler(logging.StreamHandler[TextIO]):
    """Log lines to stderr.

    A terminal that is closed, or a pipe that nobody reads any more, must not cost a training
    run that has gone on for days: the lines are dropped from then on.

    Attributes:
        console: prints the lines while it is set: a live display is below them.
        lost: stderr can no longer be written.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.console: Console | None = None
        self.lost = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        if self.lost:
            return
        if self.console is None:
            super().emit(record)
            return
        try:
            self.console.print(
                self.format(record), markup=False, highlight=False, emoji=False, soft_wrap=True
            )
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Note that stderr is gone; any other error is a mistake of ours and shows."""
        if not isinstance(sys.exception(), OSError):
            raise
        self.lost = True


@contextmanager
def log_lines(path: str | None = None, *, quiet: bool = False) -> Iterator[None]:
    """Show log lines on stderr, and append them to the file ``path``, inside.

    Args:
        path: a file, or None; it also gets the error that ends the run.
        quiet: on stderr, show warnings alone.

    Raises:
        MinicaffeError: ``path`` cannot be written.
    """
    handlers: list[logging.Handler] = [StderrHandler()]
    handlers[0].setLevel(logging.WARNING if quiet else logging.INFO)
    if path:
        try:
            handlers.append(logging.FileHandler(path, encoding="utf-8"))
        except OSError as error:
            raise MinicaffeError(f"cannot write the log {path}: {error.strerror}") from error
    before = logger.level
    logger.setLevel(logging.WARNING if quiet and not path else logging.INFO)
    for handler in handlers:
        handler.setFormatter(GlogFormatter())
        logger.addHandler(handler)
    try:
        yield
    except MinicaffeError as error:
        for handler in handlers[1:]:
            handler.handle(
                logger.makeRecord(logger.name, logging.ERROR, "main", 0, str(error), (), None)
            )
        raise
    finally:
        logger.setLevel(before)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def stderr_handler() -> StderrHandler | None:
    """The handler that ``log_lines`` put in, inside it."""
    return next((h for h in logger.handlers if isinstance(h, StderrHandler)), None)
