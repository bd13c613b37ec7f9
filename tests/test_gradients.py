from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.gradients import add_noise, clip_factor, noise_deviation, prepare
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers import Slot


def slots_of(device, *gradients, lr_mult=1.0):
    made = []
    for gradient in gradients:
        blob = Blob(device, np.shape(gradient), np.float32)
        blob.diff[...] = device.xp.asarray(gradient)
        made.append(Slot(blob, [], lr_mult))
    return made


def diffs(device, slots):
    return [device.to_numpy(slot.blob.diff).copy() for slot in slots]


def test_the_norm_is_of_all_gradients_together(device, caplog):
    caplog.set_level("INFO", "minicaffe")
    slots = slots_of(device, [3.0, 0.0], [[0.0, 0.0, 4.0]])
    assert float(clip_factor(device, slots, 2.5)) == pytest.approx(0.5)
    assert float(clip_factor(device, slots, 5)) == 1
    assert clip_factor(device, slots, -1) == 1
    assert clip_factor(device, slots, 0) == 0
    assert clip_factor(device, [], 2.5) == 1
    if device.xp is not np:  # nothing waits to see the norm
        assert caplog.messages == []
        return
    assert len(caplog.messages) == 2
    assert caplog.messages[0] == (
        "Gradient clipping: scaling down gradients (L2 norm 5 > 2.5) by scale factor 0.5"
    )


def test_the_norm_of_what_is_not_a_number(device):
    slots = slots_of(device, [np.nan, 0.0])
    assert np.isnan(float(clip_factor(device, slots, 2.5)))


def test_deviation_goes_down_with_the_iteration():
    assert noise_deviation(0.3, 0.55, 0) ** 2 == pytest.approx(0.3)
    assert noise_deviation(0.3, 0.55, 9) ** 2 == pytest.approx(0.3 / 10**0.55)
    assert noise_deviation(0.3, 0, 9) ** 2 == pytest.approx(0.3)


def test_noise_has_its_size_whatever_the_scale(device):
    slots = slots_of(device, np.full((300, 70), 8.0), np.full(20000, -8.0))
    add_noise(device, slots, 0.25, 0.1)
    for found, mean in zip(diffs(device, slots), (2, -2), strict=True):
        assert found.mean() == pytest.approx(mean, abs=0.003)
        assert found.std() == pytest.approx(0.1, rel=0.03)
    assert not np.array_equal(diffs(device, slots)[0].ravel()[:9], diffs(device, slots)[1][:9])


def test_a_frozen_parameter_is_scaled_and_draws_nothing(device):
    before = device.rng.bit_generator.state
    slots = slots_of(device, np.ones(5), lr_mult=0)
    add_noise(device, slots, 0.5, 1.0)
    assert diffs(device, slots)[0].tolist() == [0.5] * 5
    assert device.rng.bit_generator.state == before


def test_noise_comes_after_clipping_and_averaging(device):
    text = "clip_gradients: 2.5 iter_size: 5 gradient_noise: 0.04"
    param = text_format.Parse(text, SolverParameter())
    slots = slots_of(device, [3.0, 4.0, *[0.0] * 9998])
    assert prepare(param, device, slots, iteration=0) == 1
    [found] = diffs(device, slots)
    assert found[2:].std() == pytest.approx(0.2, rel=0.05)
    assert found[:2] - [0.3, 0.4] == pytest.approx([0, 0], abs=1)


def test_without_noise_nothing_is_drawn_or_touched(device):
    before = device.rng.bit_generator.state
    param = text_format.Parse("clip_gradients: 2.5 iter_size: 5", SolverParameter())
    slots = slots_of(device, [3.0, 4.0])
    assert float(prepare(param, device, slots, iteration=0)) == pytest.approx(0.1)
    assert diffs(device, slots)[0].tolist() == [3, 4]
    assert device.rng.bit_generator.state == before
