"""The live bar below the log, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from minicaffe import glog
from minicaffe.cli._output import StderrHandler
from minicaffe.cli._signals import SignalRequests
from minicaffe.score import Score
from minicaffe.solver import Callback, Solver

INTERVAL = 0.1  # seconds between updates of the bar: each costs some 10 us of the loop's time


def speed(value: float | None) -> str:
    """``value`` with three digits or, where it has more before the point, with those."""
    if value is None:
        return "--"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{speed(task.speed)} it/s", style="cyan")


class _State(ProgressColumn):
    """What the loop is doing; drawn by the display's own thread, so that it answers a Ctrl-C
    before the iteration ends."""

    def __init__(self, requests: SignalRequests) -> None:
        super().__init__()
        self.requests = requests

    def render(self, task: Task) -> Text:
        if self.requests.stopping:
            return Text("stopping (again: at once)", style="yellow", no_wrap=True)
        return Text(str(task.fields["state"]), no_wrap=True)


class Bar(Callback):
    """Iterations done, their rate, the loss, the time left; the test while one runs."""

    def __init__(self, progress: Progress, solver: Solver) -> None:
        self._progress = progress
        self._updated = 0.0
        self._task = progress.add_task(
            "train", total=solver.param.max_iter, completed=solver.iteration, state=""
        )

    def on_step(self, solver: Solver) -> None:
        """Show the iteration and the loss."""
        if self._is_due():
            self._update(f"loss {glog.number(solver.loss)}", solver)

    def on_test_batch(self, solver: Solver, net: int, batch: int, batches: int) -> None:
        """Show how far the test is."""
        if self._is_due():
            self._update(f"testing #{net}: {batch}/{batches}", solver)

    def on_tested(self, solver: Solver, scores: Sequence[Score]) -> None:
        """Show that the test is over: the iteration that follows may take a while."""
        self._update("", solver)

    def finish(self, solver: Solver) -> None:
        """Show where the run has come to."""
        self._update("", solver)

    def _is_due(self) -> bool:
        return time.monotonic() - self._updated >= INTERVAL

    def _update(self, state: str, solver: Solver) -> None:
        self._progress.update(self._task, completed=solver.iteration, state=state)
        self._updated = time.monotonic()


@contextmanager
def bar(solver: Solver, requests: SignalRequests, handler: StderrHandler) -> Iterator[None]:
    """Show the bar inside, with the lines of ``handler`` above it, if stderr is a terminal.

    The terminal is as before afterwards, also after an error; a terminal that goes away takes
    the bar with it, not the run.
    """
    console = Console(file=sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    progress = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        _State(requests),
        console=console,
        refresh_per_second=5,
        redirect_stdout=sys.stdout.isatty(),
    )
    callback = Bar(progress, solver)
    solver.callbacks.append(callback)
    handler.console = console
    try:
        with suppress(OSError):
            progress.start()
        yield
    finally:
        handler.console = None
        solver.callbacks.remove(callback)
        callback.finish(solver)
        with suppress(OSError):
            progress.stop()
