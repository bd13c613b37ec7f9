"""Devices: where arrays lie."""

from __future__ import annotations

import gc
import re

import numpy as np
import pytest

from minicaffe.device import Device, cpu
from minicaffe.errors import DeviceError
from tests import fake_cuda, fake_cupy
from tests.build import build
from tests.test_transfers import NETS, make


@pytest.mark.parametrize("shape", [0, 3, (), (2, 5), (0, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_zeros(device, shape, dtype):
    array = device.zeros(shape, dtype)
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert array.dtype == dtype
    assert not device.to_numpy(array).any()


def test_small_arrays_lie_far_apart_on_lines_of_their_own():
    """Nearer ones make a compiled loop add in another order: the last bits depend on chance."""
    arrays = [cpu().zeros(count, np.float32) for count in [1, 3, 11, 2, 16] * 9]
    starts = sorted(array.ctypes.data for array in arrays)
    assert all(start % 64 == 0 for start in starts)
    assert min(np.diff(starts)) >= 1024
    assert all(array.flags.c_contiguous for array in arrays)


def test_one_seed_gives_the_same_numbers():
    one, other, third = (cpu(seed).rng.standard_normal(3) for seed in (5, 5, 6))
    assert (one == other).all()
    assert (one != third).all()


@pytest.mark.parametrize(
    ("count", "size"), [(2**48, "1.05e+06 GiB"), (10**19, "3.73e"), (10**30, "3.73e+21 GiB")]
)
def test_memory_that_is_not_there(device, count, size):
    with pytest.raises(
        DeviceError, match=f"shape .{count}, 1. needs {re.escape(size)}.*a batch too large"
    ):
        device.zeros((count, 1), np.float32)


def full_at(monkeypatch, device, free):
    """Leave ``free`` bytes on the stand-in's card."""
    gc.collect()  # what other tests have left would make room later
    fake_cuda.default_pool.free_all_blocks()
    monkeypatch.setattr(fake_cuda.card, "size", fake_cuda.card.taken + free)


def fake():
    return Device(fake_cupy, 0, np.random.default_rng(1))


def test_an_array_that_a_card_has_no_room_for(monkeypatch):
    full_at(monkeypatch, fake(), 2**20)
    with pytest.raises(
        DeviceError,
        match=r"shape \(600, 512\) needs 0\.00114 GiB, expected what is free: 0\.000977 of \S+ GiB "
        "are free; there is no memory for it; is a size or a batch too large",
    ):
        fake().zeros((600, 512), np.float32)


@pytest.mark.parametrize("run", ["run_forward", "run_backward"])
def test_a_layer_that_a_card_has_no_room_for_is_named_with_its_blobs(run, monkeypatch):
    device = fake()
    layer, bottom, top = build('type: "LRN"', device, np.ones((4, 3, 40, 40)))
    layer.run_forward(bottom, top)
    assert bottom[0].diff.shape == top[0].diff.shape
    full_at(monkeypatch, device, 2**15)
    blobs = (bottom, top) if run == "run_forward" else (top, [True], bottom)
    with pytest.raises(
        DeviceError,
        match=r"^layer 'it' \(LRN\): Out of memory allocating 153,600 bytes \(.*\); 3.05e-05 of "
        r"\S+ GiB are free; the layer's blobs are \(4, 3, 40, 40\), \(4, 3, 40, 40\) of float64: "
        r"is a size or a batch too large\?$",
    ) as caught:
        getattr(layer, run)(*blobs)
    assert isinstance(caught.value.__cause__, fake_cuda.memory.OutOfMemoryError)


def test_a_layer_that_cannot_be_set_up(monkeypatch):
    full_at(monkeypatch, fake(), 2**15)
    text = 'type: "InnerProduct" inner_product_param { num_output: 500 }'
    with pytest.raises(DeviceError, match=r"^layer 'it' \(InnerProduct\): .* GiB are free;"):
        build(text, fake(), np.ones((2, 100)))


def test_a_fusion_that_a_card_has_no_room_for(monkeypatch):
    solver = make(NETS["norm"], 'type: "SGD"')
    solver.net.forward()
    assert len(solver.net.stages) < len(solver.net.steps)
    full_at(monkeypatch, solver.device, 2**11)
    with pytest.raises(DeviceError, match=r"layer '\w+' \(\w+\): Out of memory.*blobs are \(4, "):
        solver.net.forward()
