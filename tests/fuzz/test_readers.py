"""Every reader on files that hypothesis damages, and the long run (``make fuzz``) in small."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicaffe.errors import MinicaffeError
from tests.fuzz import __main__ as fuzz
from tests.fuzz.mutations import NASTY
from tests.fuzz.readers import READERS, SOLVERS, Reader

EDITS = st.lists(
    st.tuples(
        st.integers(0, 2**20),
        st.integers(0, 9),
        st.one_of(st.sampled_from(NASTY), st.binary(max_size=6)),
    ),
    max_size=5,
)


@pytest.mark.parametrize("name", READERS)
def test_seeds_are_read(name, monkeypatch):
    monkeypatch.chdir(SOLVERS)
    for path in READERS[name].seeds[:3]:
        READERS[name].read(path)


def read(name, path, data, monkeypatch):
    path.write_bytes(data)
    with monkeypatch.context() as context:
        context.chdir(SOLVERS)
        with suppress(MinicaffeError):
            READERS[name].read(path)


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(name, monkeypatch, tmp_path, data):
    source = data.draw(st.sampled_from(READERS[name].seeds))
    changed = bytearray(source.read_bytes())
    for at, length, new in data.draw(EDITS):
        at %= len(changed) + 1
        changed[at : at + length] = new
    read(name, tmp_path / source.name, bytes(changed), monkeypatch)


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(name, monkeypatch, tmp_path, content):
    read(name, tmp_path / READERS[name].seeds[0].name, content, monkeypatch)


def kill(path: Path) -> None:
    os.kill(os.getpid(), 11)


def hoard(path: Path) -> None:
    bytearray(8 << 30)


def spin(path: Path) -> None:
    while True:
        pass


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child runs no kernel
@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda path: {}["x"], "KeyError: 'x'"),
        (kill, "signal 11"),
        (hoard, "MemoryError"),
        (spin, "too slow"),
    ],
)
def test_the_long_run_finds(read, reason, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fuzz, "SECONDS", 0.3)
    monkeypatch.setitem(READERS, "it", Reader(read, [Path(__file__)]))
    assert fuzz.run("it", 2, 7, tmp_path) == 2
    assert reason in capsys.readouterr().out
    kept = sorted(tmp_path.iterdir())
    assert [path.read_bytes() for path in kept] == [fuzz.damaged("it", i, 7)[0] for i in (0, 1)]


def test_the_long_run_in_small(tmp_path):
    """In a process without threads, as ``make fuzz`` has it."""
    command = [sys.executable, "-m", "tests.fuzz", "--count", "320", "--keep", str(tmp_path)]
    run = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count(" 0 failures") == len(READERS)
