"""What is fastest is measured once, kept, and never needed to go on."""

from __future__ import annotations

import json

import pytest

from minicaffe.ops import choice
from minicaffe.ops.choice import Choices

SLOW, FAST = 1.0, 0.25  # seconds on a clock of the test's own


class Bodies(dict):
    """Bodies that take the time that is said, and count their runs."""

    def __init__(self, monkeypatch, **seconds):
        self.now, self.runs = 0.0, dict.fromkeys(seconds, 0)
        monkeypatch.setattr(choice.time, "perf_counter", lambda: self.now)
        for name, each in seconds.items():
            self[name] = lambda name=name, each=each: self._run(name, each)

    def _run(self, name, seconds):
        self.runs[name] += 1
        self.now += seconds


@pytest.fixture(autouse=True)
def not_deterministic(monkeypatch):
    monkeypatch.setattr(choice, "_deterministic", False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "choices.json"


@pytest.fixture
def bodies(monkeypatch):
    return Bodies(monkeypatch, plain=SLOW, other=FAST)


def test_the_fastest_is_chosen_and_kept(path, bodies):
    choices = Choices(path)
    assert choices.choose("work", bodies) == "other"
    runs = dict(bodies.runs)
    assert choices.choose("work", bodies) == "other"
    assert Choices(path).choose("work", bodies) == "other"
    assert bodies.runs == runs


def test_each_work_on_each_machine_is_measured(monkeypatch, path, bodies):
    choices = Choices(path)
    choices.choose("work", bodies)
    choices.choose("other work", bodies)
    monkeypatch.setattr(choice, "machine", lambda: "another")
    choices.choose("work", bodies)
    assert bodies.runs == {"plain": 3 * 2, "other": 3 * 2}  # to warm up, and to measure
    assert len(json.loads(path.read_text())) == 3


def test_one_slow_turn_does_not_decide(monkeypatch):
    """Times are close, so that each has more turns, and its best one counts."""
    bodies = Bodies(monkeypatch, plain=1.0, other=1.1)
    turns = iter([1.0, 1.2, 1.0, 1.2])
    bodies["plain"] = lambda: bodies._run("plain", next(turns))
    assert choice.fastest(bodies) == "plain"
    assert bodies.runs["other"] == 4


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"KEY": 3}', '{"KEY": "gone"}', "\x00\xff"]
)
def test_a_table_that_makes_no_sense_is_measured_again(path, bodies, text):
    key = f"{choice.machine()}: work"
    path.write_bytes(text.replace("KEY", key).encode("latin-1"))
    assert Choices(path).choose("work", bodies) == "other"
    assert json.loads(path.read_text())[key] == "other"


@pytest.mark.parametrize("name", [None, "no/such/folder", "."])
def test_a_table_that_cannot_be_written_is_kept_in_memory(tmp_path, bodies, name):
    choices = Choices(None if name is None else tmp_path / name)
    for _ in range(2):
        assert choices.choose("work", bodies) == "other"
        assert choices.choose("more", bodies) == "other"
    assert bodies.runs["plain"] == 2 * 2  # once to warm up, once to measure


def test_who_is_done_first_chooses_for_both(path, bodies):
    def meanwhile():
        table = {f"{choice.machine()}: work": "plain", "theirs": "x"}
        path.write_text(json.dumps(table))

    bodies["other"] = meanwhile
    choices = Choices(path)
    assert choices.choose("work", bodies) == "plain"
    assert choices.choose("work", bodies) == "plain"
    assert json.loads(path.read_text())["theirs"] == "x"


def test_deterministic_takes_the_first_and_measures_nothing(path, bodies):
    choices = Choices(path)
    assert choices.choose("work", bodies) == "other"
    runs = dict(bodies.runs)
    choice.deterministic(True)
    assert choice.is_deterministic()
    assert choices.choose("work", bodies) == "plain"
    assert choices.choose("unseen", bodies) == "plain"
    assert bodies.runs == runs
    choice.deterministic(False)
    assert choices.choose("work", bodies) == "other"
