"""Timer, by a clock that the test turns."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import minicaffe as caffe
from minicaffe.device import Device
from minicaffe.pycaffe import mode, timer


@pytest.fixture
def clock(monkeypatch):
    """``clock.now`` in seconds."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(timer, "perf_counter", lambda: clock.now)
    return clock


def test_start_stop_ms(clock):
    timing = caffe.Timer()
    timing.start()
    clock.now += 0.25
    timing.stop()
    clock.now += 3
    assert (timing.ms, timing.us, timing.seconds) == (250, 250_000, 0.25)


def test_it_is_used_again(clock):
    timing = caffe.Timer()
    for seconds in (2, 5):
        timing.start()
        clock.now += seconds
        timing.stop()
    assert timing.seconds == 5


def test_to_start_while_it_runs_changes_nothing(clock):
    timing = caffe.Timer()
    timing.start()
    clock.now += 1
    timing.start()
    clock.now += 1
    timing.stop()
    assert timing.seconds == 2


def test_to_ask_stops_it(clock):
    timing = caffe.Timer()
    timing.start()
    clock.now += 1
    assert timing.ms == 1000
    clock.now += 1
    timing.stop()
    assert timing.ms == 1000


def test_one_that_never_ran(clock, caplog):
    timing = caffe.Timer()
    timing.stop()
    assert timing.ms == 0
    assert "never been run" in caplog.text


def test_it_waits_for_the_gpu(monkeypatch, clock):
    pending = [8, 2]  # seconds that the GPU still has to do

    def wait():
        clock.now += pending.pop(0)

    stream = SimpleNamespace(synchronize=wait)
    cupy = SimpleNamespace(cuda=SimpleNamespace(get_current_stream=lambda: stream))
    monkeypatch.setattr(mode._mode, "device", Device(cupy, 0, mode.device().rng))
    timing = caffe.Timer()
    timing.start()  # what it was told before does not count
    clock.now += 1
    timing.stop()
    assert timing.seconds == 3
