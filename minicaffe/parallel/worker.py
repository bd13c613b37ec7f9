"""A process of data-parallel training other than the first: it does what rank 0 does."""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection

from minicaffe.errors import MinicaffeError
from minicaffe.glog import logger
from minicaffe.parallel.job import Job
from minicaffe.parallel.links import Links
from minicaffe.parallel.together import FOREVER, Finished, Together

SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def main(job: Job, rank: int, pipe: Connection, report: Connection) -> None:
    """Train as ``rank`` of ``job`` until rank 0 has done.

    Signals, which a terminal sends to all processes, are rank 0's affair. What goes wrong is put
    into ``report``; what is no ``MinicaffeError`` shows its traceback too.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    logger.addHandler(logging.NullHandler())  # rank 0 says it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        train(job, Links(rank, job.size, [pipe]))
    except BaseException as error:  # noqa: BLE001  # rank 0 is told of all of them
        if isinstance(error, MinicaffeError):
            message = str(error)
        else:
            traceback.print_exc()
            message = "".join(traceback.format_exception_only(error)).strip()
        with suppress(OSError):  # it has gone first
            report.send(message)
        report.close()
        os._exit(1)  # without waiting for what others were to send


def train(job: Job, links: Links) -> None:
    """Build, join, and step until rank 0 says that it is over."""
    solver = job.build(links.rank)
    try:
        links.barrier()
        communicator = job.join(links, solver)
        together = Together(communicator, solver)
        solver.callbacks.append(together)
        together.begin(solver)
        with suppress(Finished):
            solver.step(FOREVER)
        communicator.close()
    finally:
        solver.close()


def _end_with_parent() -> None:
    """Where rank 0 has been killed, its pipe says so to who listens; a device may be waiting."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
