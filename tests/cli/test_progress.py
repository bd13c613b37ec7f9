from __future__ import annotations

import os
import pty
import re
import signal
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from rich.progress import Progress

from minicaffe.cli._progress import Bar, speed
from tests.cli import tiny

SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"  # the cursor
ENDLESS = "max_iter: 100000000\ndisplay: 1000\ntest_iter: 1\ntest_interval: 1000000"


class Terminal:
    """A pseudo-terminal that a run has as its stderr."""

    def __init__(self, run, master):
        self.run, self.master, self.seen = run, master, ""

    def read_until(self, *texts):
        """Read until all ``texts`` have been seen, or, without any, to the end."""
        while not texts or not all(text in self.seen for text in texts):
            try:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                assert not texts, self.seen
                break
        return self.seen

    def hang_up(self):
        """Close the terminal; its number stays in use, for the fixture to close."""
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, self.master)
        os.close(null)


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    """Starts a run on a terminal: ``terminal(solver's fields)``."""
    with ExitStack() as stack:

        def start(solver="", term="xterm"):
            tiny.write(tmp_path, solver)
            monkeypatch.setenv("TERM", term)
            master, slave = pty.openpty()
            stack.callback(os.close, master)
            try:
                run = stack.enter_context(
                    tiny.running(tmp_path, "train", "solver.prototxt", stderr=slave)
                )
            finally:
                os.close(slave)
            return Terminal(run, master)

        yield start


def test_a_bar_below_the_log(terminal):
    it = terminal(ENDLESS)
    it.read_until(HIDE, " it/s", "loss ", "/100000000", "Iteration 2000 ")
    assert SHOW not in it.seen
    it.run.send_signal(signal.SIGINT)
    text = it.read_until()
    assert it.run.wait() == 0
    assert text.rfind(SHOW) > text.rfind(HIDE)
    [last] = re.findall(r"Snapshotting to binary proto file tiny_iter_(\d+)", text)
    assert f" {last}/1000" in text[text.index("Optimization stopped early.") :]
    plain = text.replace("\r", "").replace(HIDE, "").replace(SHOW, "")
    lines = [line.split("\x1b[2K")[-1] for line in plain.split("\n")]
    logged = [line for line in lines if "solver.cpp:" in line or "caffe.cpp:" in line]
    assert len(logged) > 20
    # nothing of the bar beside them
    assert [line for line in logged if not tiny.LINE.fullmatch(line)] == []
    assert any("SIGINT: " in line and line.endswith("without a snapshot") for line in lines)


def test_the_test_is_shown_and_the_terminal_restored_when_ended_at_once(terminal):
    it = terminal("test_iter: 100000000")
    it.read_until("testing #0: ", "/100000000")
    it.run.send_signal(signal.SIGINT)
    it.run.send_signal(signal.SIGTERM)
    text = it.read_until()
    # as the second came in time or not, or before the first: threads may take them in any order
    assert it.run.wait() in (0, 130, 143)
    assert text.rfind(SHOW) > text.rfind(HIDE)
    assert "Traceback" not in text


def test_a_terminal_that_is_closed_costs_the_bar_alone(terminal, tmp_path):
    it = terminal(ENDLESS)
    it.read_until(HIDE, "Iteration 1000 ")
    it.hang_up()
    time.sleep(0.5)
    assert it.run.poll() is None
    it.run.terminate()
    assert it.run.wait() == 0
    assert len(list(tmp_path.glob("tiny_iter_*"))) == 2


def test_no_bar_on_a_dumb_terminal(terminal):
    it = terminal(term="dumb")
    text = it.read_until()
    assert it.run.wait() == 0
    assert "\x1b" not in text
    assert "/8 " not in text
    assert "Optimization Done." in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "--"), (0.01234, "0.0123"), (12.34, "12.3"), (99.4, "99.4"), (1234.5, "1234")],
)
def test_speed_in_three_digits(value, text):
    assert speed(value) == text


def test_a_test_that_is_over_is_not_shown_any_more():
    progress = Progress(disable=True)
    solver = SimpleNamespace(param=SimpleNamespace(max_iter=9), iteration=4, loss=0.5)
    bar = Bar(progress, solver)
    bar.on_test_batch(solver, net=1, batch=2, batches=3)
    assert progress.tasks[0].fields["state"] == "testing #1: 2/3"
    bar.on_tested(solver, scores=[])
    assert progress.tasks[0].fields["state"] == ""
    assert progress.tasks[0].completed == 4
