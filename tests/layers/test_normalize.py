"""Normalize: by hand, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

SHAPE = (2, 3, 4, 5)
CASES = ["", "across_spatial: false", "channel_shared: false"]
CASES += ["across_spatial: false channel_shared: false eps: 0.5"]


def text(fields=""):
    return f'type: "Normalize" norm_param {{ {fields} }}'


FILLER = 'scale_filler { type: "gaussian" std: 2 }'


@pytest.mark.parametrize("fields", CASES)
def test_gradient(device, rng, fields):
    layer, bottom, top = build(text(f"{fields} {FILLER}"), device, rng.standard_normal(SHAPE))
    assert layer.blobs[0].shape == ((3,) if "channel_shared" in fields else ())
    check_gradient(layer, bottom, top)


@pytest.mark.parametrize("fields", CASES)
def test_backward_reads_the_bottom_alone(device, rng, fields):
    """What is not in ``backward_reads`` may be overwritten before."""
    layer, bottom, top = build(text(fields), device, rng.standard_normal(SHAPE))
    assert layer.backward_reads == ("bottom",)
    layer.run_forward(bottom, top)
    top[0].data[...] = np.nan
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    assert np.isfinite(device.to_numpy(bottom[0].diff)).all()


def test_by_hand(device):
    x = np.array([[[[3.0, 0]], [[4, 5]]]])  # at two positions the vectors (3, 4) and (0, 5)
    one = 'across_spatial: false channel_shared: false scale_filler { type: "constant" value: 20 }'
    layer, bottom, top = build(text(one), device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), [[[[12, 0]], [[16, 20]]]])
    layer, bottom, top = build(text("eps: 14"), device, x)  # the root of 9 + 16 + 25 + 14
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), x / 8)


@pytest.mark.parametrize("fields", CASES)
def test_a_factor_of_0_has_a_gradient(device, rng, fields):
    zero = f'{fields} scale_filler {{ type: "constant" value: 0 }}'
    layer, bottom, top = build(text(zero), device, rng.standard_normal(SHAPE))
    check_gradient(layer, bottom, top)


def test_the_batch_may_change_and_the_channels_may_not(device, rng):
    layer, bottom, top = build(text("channel_shared: false"), device, rng.standard_normal(SHAPE))
    bottom[0].reshape((5, 3, 2))
    layer.run_forward(bottom, top)
    assert top[0].shape == (5, 3, 2)
    bottom[0].reshape((5, 2, 3))
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(5, 2, 3\), expected \(N, 3, "):
        layer.run_forward(bottom, top)


def test_what_is_not_wanted_is_left_alone(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal(SHAPE))
    layer.run_forward(bottom, top)
    layer.param_propagate_down[0] = False
    bottom[0].diff[...], layer.blobs[0].diff[...], top[0].diff[...] = 7, 7, 1
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert float(layer.blobs[0].diff) == 7


def test_what_it_refuses(device):
    for eps in ("-1", "inf", "nan"):
        with pytest.raises(LayerConfigError, match=r"eps is .*, expected a number from 0 up"):
            build(text(f"eps: {eps}"), device, np.ones(SHAPE))
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(4,\), expected \(N, C, ...\)"):
        build(text(), device, np.ones(4))
