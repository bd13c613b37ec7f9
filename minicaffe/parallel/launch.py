"""Rank 0's side of data-parallel training on one machine: it starts and ends the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from minicaffe.errors import WorkerError
from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.job import Job
from minicaffe.parallel.links import Links
from minicaffe.parallel.together import Together
from minicaffe.parallel.worker import SIGNALS, main

if TYPE_CHECKING:
    from minicaffe.solver import Solver

PATIENCE = 10.0  # seconds that a process which has nothing left to do may take to end
GRACE = 60.0  # seconds in which this process has to notice that another has failed


@contextmanager
def together(job: Job, start: Callable[[Solver], None] = lambda solver: None) -> Iterator[Solver]:
    """The solver of rank 0, every iteration of which all processes of ``job`` make.

    Args:
        job: what they do.
        start: called with the solver before the others take over where it is: to ``restore``.

    Raises:
        WorkerError: another process has failed; its message, and ``rank``. All have ended then.
    """
    team = Team(job)
    try:
        solver = job.build(0)
        try:
            team.links.barrier()  # whoever fails to build has said so here
            communicator = team.communicator = job.join(team.links, solver)
            tie = Together(communicator, solver)
            solver.callbacks.append(tie)
            start(solver)
            tie.begin(solver)
            yield solver
            tie.end()
            communicator.close()
        finally:
            solver.close()
    except BaseException:
        team.kill()
        raise
    team.join()


class Team:
    """The processes other than this one, and a thread that watches them.

    Attributes:
        links: to them.
        communicator: what ties the solvers, once it is there.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self.communicator: Communicator | None = None
        self._processes: list[BaseProcess] = []
        self._reports: list[Connection] = []
        self._closing = threading.Event()
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        pipes = []
        with _deaf():
            for rank in range(1, job.size):
                pipe, far = context.Pipe()
                report, far_report = context.Pipe(duplex=False)
                process = context.Process(
                    target=main, args=(job, rank, far, far_report), name=f"minicaffe-rank-{rank}"
                )
                process.start()
                far.close()
                far_report.close()  # so that its end is the end of the process
                self._processes.append(process)
                self._reports.append(report)
                pipes.append(pipe)
        self.links = Links(0, job.size, pipes)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def join(self) -> None:
        """Wait until all have ended; those that do not are killed."""
        end = time.monotonic() + PATIENCE
        for process in self._processes:
            process.join(max(0.0, end - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """End all at once: none holds what is not on rank 0 too."""
        self._closing.set()
        if self.communicator is not None and self.links.failure is not None:
            self.communicator.abort()
        for process in self._processes:
            process.kill()
            process.join()
        self._watcher.join()
        self.links.close()
        for report in self._reports:
            report.close()

    def _watch(self) -> None:
        """Note the first failure, and see that the main thread comes to know of it."""
        open_reports = dict(zip(self._reports, self._processes, strict=True))
        while open_reports and not self._closing.is_set():
            for report in wait(list(open_reports), timeout=0.2):
                process = open_reports.pop(report)  # type: ignore[call-overload]
                message = _message(report, process)  # type: ignore[arg-type]
                if message and self.links.failure is None and not self._closing.is_set():
                    self._fail(self._processes.index(process) + 1, message)

    def _fail(self, rank: int, message: str) -> None:
        error = WorkerError(f"{self._job.name(rank)}: {message}")
        error.rank = rank
        self.links.failure = error
        threading.Thread(target=self._insist, args=(str(error),), daemon=True).start()
        if self.communicator is not None:
            self.communicator.abort()

    def _insist(self, message: str) -> None:
        """The main thread may be held by a device that waits for who will not come."""
        if not self._closing.wait(GRACE):
            sys.stderr.write(f"minicaffe: error: {message}\n")
            sys.stderr.flush()
            for process in self._processes:
                process.kill()
            os._exit(WorkerError.exit_code)


def _message(report: Connection, process: BaseProcess) -> str:
    """Why a process has ended; "" where all was well."""
    with suppress(EOFError, OSError):
        return str(report.recv())
    process.join(PATIENCE)
    code = process.exitcode
    if not code:
        return ""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}; is there too little memory?"
    return f"has ended with exit code {code}"


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started inside never see the signals that a terminal sends to all."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
