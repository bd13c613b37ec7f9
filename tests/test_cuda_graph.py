"""Recorded work, by itself: what it is given anew, and what it leaves as it was."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from minicaffe.cuda_graph import NotRecordedError, Recorded
from minicaffe.device import Device
from tests import fake_cuda, fake_cupy


@pytest.fixture
def fake():
    return Device(fake_cupy, 0, np.random.default_rng(1))


def test_numbers_are_asked_for_anew_and_nothing_crosses_the_bus(fake):
    y, asked = fake_cupy.zeros(3, "float32"), []

    def make():
        asked.append(len(asked))
        return 10.0 * len(asked)

    def work():
        doubled = y * 2
        rate = fake.host.number(make, np.float64)
        y[...] = doubled + rate
        return y.sum()

    recorded = Recorded(fake, work)
    assert asked == [0]
    assert y.get().tolist() == [0, 0, 0]
    with fake_cuda.counted() as counts:
        found = [recorded.run() * 1 for _ in range(3)]
    assert (counts.to_host, counts.to_device) == (0, 0)
    assert [float(each) for each in found] == [30, 120, 330]
    assert asked == [0, 1, 2]
    assert fake.host.number(make, np.float64) == 40  # outside it is a number


def test_a_number_that_stays_is_not_written_again(fake):
    y = fake_cupy.zeros(3, "float32")
    recorded = Recorded(fake, lambda: y.__iadd__(fake.host.number(lambda: 2.0, np.float64)))
    launches = []
    for _ in range(3):
        with fake_cuda.counted() as counts:
            recorded.run()
        launches.append(counts.launches)
    assert launches == [2, 1, 1]
    assert y.get().tolist() == [6, 6, 6]


def test_keys_are_drawn_in_the_order_of_the_work(fake):
    other = replace(fake, rng=np.random.default_rng(1))
    keys = fake_cupy.zeros(2, "uint64")

    def work():
        for index in (1, 0):
            keys[index] = fake.random_key()

    recorded = Recorded(fake, work)
    for _ in range(3):
        recorded.run()
        assert keys.get()[::-1].tolist() == [other.random_key(), other.random_key()]


def test_others_never_get_its_memory(fake):
    x, y = fake_cupy.full(500, 3.0), fake_cupy.zeros(500)

    def work():
        y[...] = (x + 1) * (x - 1)

    recorded = Recorded(fake, work)
    others = [fake_cupy.full(500, 7.0) for _ in range(9)]
    recorded.run()
    assert (y.get() == 8).all()
    assert all((other.get() == 7).all() for other in others)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda x: float(x[0]), "CUDARuntimeError.*StreamCaptureUnsupported.*an array is read"),
        (lambda x: x.no_such_name, "AttributeError.*no_such_name"),
        (lambda x: fake_cupy.empty(1 << 21, "uint8"), "OutOfMemoryError: Out of memory"),
    ],
)
def test_what_cannot_be_recorded_leaves_no_trace(fake, fault, message, monkeypatch):
    monkeypatch.setattr(fake_cuda.card, "size", fake_cuda.card.taken + (1 << 20))
    x, before = fake_cupy.zeros(3), fake.rng.bit_generator.state
    counted = [[3], [0]]

    def work():
        x[...] = 1
        fake.random_key()
        for each in counted:
            for step in (1, 2):
                fake.host.number(partial(each.append, step), "uint64", each.pop)
        fault(x)
        x[...] = 2

    with pytest.raises(NotRecordedError, match=message):
        Recorded(fake, work)
    assert x.get().tolist() == [0, 0, 0]
    assert fake.rng.bit_generator.state == before
    assert counted == [[3], [0]]
    assert fake.host.numbers is None
    assert fake_cuda.get_current_stream() is fake_cuda.null
    x[...] = 5
    assert x.get().tolist() == [5, 5, 5]
