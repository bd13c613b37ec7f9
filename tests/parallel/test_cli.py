"""``minicaffe train -gpu 0,1`` as a user meets it, but on the CPU."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import tests
from tests.cli import tiny
from tests.parallel.on_cpu import definition

ROOT = Path(tests.__file__).parents[1]


@contextmanager
def running(folder, *argv):
    env = {**os.environ, "MINICAFFE_REFERENCE_BODIES": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.parallel.cli_on_cpu", *argv],
        cwd=folder,
        text=True,
        stderr=subprocess.PIPE,
        env=env,
        start_new_session=True,  # a terminal sends its signals to the group
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


@pytest.fixture
def folder(tmp_path):
    definition(tmp_path, 4)  # for its records
    return tmp_path


def write(folder, text):
    param = definition(folder, 4, text)
    (folder / "solver.prototxt").write_text(str(param))


def log_of(folder, *argv):
    with running(folder, "train", "solver.prototxt", "-gpu", "0,1", *argv) as process:
        log = process.stderr.read()
    return process.returncode, log


def numbers(log):
    return [m for m in tiny.messages(log) if re.match("Iteration|    T", m)]


def test_one_log_and_one_snapshot_and_on_from_there(folder):
    write(folder, "max_iter: 6 snapshot: 4")
    code, whole = log_of(folder)
    assert code == 0
    shown = numbers(whole)
    assert [m for m in shown if ", loss" in m] == [m for m in shown if m.startswith("Iter")][::2]
    assert len([m for m in shown if ", loss" in m]) == 7  # and not twice
    assert len(list(folder.glob("*.solverstate"))) == 2
    code, rest = log_of(folder, "-snapshot", "small_iter_4.solverstate")
    assert code == 0
    assert numbers(rest) == shown[-len(numbers(rest)) :]


def after(stream, word):
    for line in stream:
        if word in line:
            return
    raise AssertionError(f"{word} was not written")


def all_gone(group):
    """No process of the group lives 5 s from now; Python's own helpers end a moment later."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_signals_reach_all_and_rank_0_answers(folder):
    write(folder, "max_iter: 10000000 snapshot: 0")
    with running(folder, "train", "solver.prototxt", "-gpu", "all") as process:
        after(process.stderr, "Iteration 3,")
        os.killpg(process.pid, signal.SIGHUP)
        after(process.stderr, "Snapshotting solver state")
        after(process.stderr, "Iteration")
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait() == 0
    assert "Traceback" not in rest
    assert "stopping after this iteration" in rest
    assert len(list(folder.glob("*.solverstate"))) == 2
    assert all_gone(process.pid)


def test_a_process_that_is_killed(folder):
    write(folder, "max_iter: 10000000")
    with running(folder, "train", "solver.prototxt", "-gpu", "0,1") as process:
        after(process.stderr, "Iteration 3,")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        os.kill(next(int(pid) for pid in lines if b"spawn_main" in lines[pid]), signal.SIGKILL)
        rest = process.stderr.read()
        assert process.wait() == 1
    assert rest.splitlines()[-1].startswith("minicaffe: error: GPU 1 (rank 1): was killed by SIG")
    assert all_gone(process.pid)


def test_rank_0_that_is_killed_takes_all_along(folder):
    write(folder, "max_iter: 10000000")
    with running(folder, "train", "solver.prototxt", "-gpu", "0,1") as process:
        after(process.stderr, "Iteration 3,")
        process.kill()
        process.wait()
    assert all_gone(process.pid)
