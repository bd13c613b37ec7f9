"""Layers that Caffe 1.0 has not, on inputs nobody plans for: empty, tiny, of a size that changes.

What each of them computes is in its own module of tests.
"""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from minicaffe.device import Device
from minicaffe.errors import ShapeError
from minicaffe.layers import layer_classes
from tests import fake_cupy
from tests.build import build

FILLED = 'weight_filler { type: "uniform" min: -1 max: 1 }'


def one(rng, n, c, sizes):
    return [rng.standard_normal((n, c, *sizes))]


def alike(count):
    return lambda rng, n, c, sizes: [rng.standard_normal((n, c, *sizes)) for _ in range(count)]


def labelled(rng, n, c, sizes, teachers=0):
    labels = rng.integers(0, c, (n, *sizes)).astype(float)
    return [*alike(1 + teachers)(rng, n, c, sizes), labels]


def distributed(rng, n, c, sizes):
    shares = rng.random((n, c, *sizes)) + 0.1
    return [rng.standard_normal(shares.shape), shares / shares.sum(axis=1, keepdims=True)]


def gated(rng, n, c, sizes):
    shape = n, c, *sizes
    return [rng.standard_normal(shape[:2]), *(rng.standard_normal(shape) for _ in range(2))]


def located(rng, n, c, sizes):
    return [rng.standard_normal((n, c, *sizes)), rng.standard_normal((n, 1, *sizes))]


def masked(rng, n, c, sizes):
    places = rng.integers(0, 4 * prod(sizes), (n, c, *sizes)).astype(float)
    return [rng.standard_normal(places.shape), places]


def turned(rng, n, c, sizes):
    return [rng.standard_normal((n, c, *sizes)), rng.standard_normal((n, 6))]


def centred(rng, n, c, sizes):
    return [rng.standard_normal((n, c, *sizes)), rng.integers(0, 3, n).astype(float)]


def stepped(rng, n, c, sizes):
    return [rng.standard_normal((3, n, c)), np.ones((3, n))]


def spelt(rng, n, c, sizes):
    return [rng.standard_normal((5, n, c)), rng.integers(-1, c, (n, 3)).astype(float)]


def regions(rng, n, c, sizes):
    rois = np.zeros((2 * n, 5))
    rois[:, 0] = np.repeat(np.arange(n), 2)
    rois[:, 1:] = rng.integers(-3, 9, (2 * n, 4))
    return [rng.standard_normal((n, c, *sizes)), rois]


# type: (fields, what makes its bottoms of items, channels, sizes)
CASES = {
    "Axpy": ("", gated),
    "BN": ("bn_param { bn_mode: INFERENCE }", one),
    "ChannelScale": ("", located),
    "CTCLoss": ("", spelt),
    "CenterLoss": ("center_loss_param { num_output: 3 }", centred),
    "DepthwiseConvolution": (
        f"convolution_param {{ num_output: 8 kernel_size: 1 {FILLED} }}",
        one,
    ),
    "DistillationLoss": (
        "distillation_loss_param { soft_weight: 0.5 }",
        lambda *args: labelled(*args, teachers=1),
    ),
    "FixedPoint": ("", one),
    "FocalLoss": ("", labelled),
    "Gram": ("", one),
    "GRU": (f"recurrent_param {{ num_output: 3 {FILLED} }}", stepped),
    "GroupNorm": ("group_norm_param { group_num: 2 eps: 0.5 }", one),
    "InstanceNorm": ("instance_norm_param { eps: 0.5 }", one),
    "Interp": ("interp_param { height: 3 width: 2 }", one),
    "KLDivergenceLoss": ("", distributed),
    "L1Loss": ("", alike(2)),
    "LCCL": (f"convolution_param {{ num_output: 3 kernel_size: 1 {FILLED} }}", one),
    "LayerNorm": ("layer_norm_param { axis: -2 eps: 0.5 }", one),
    "MGU": (f"recurrent_param {{ num_output: 3 {FILLED} }}", stepped),
    "Maxout": ("", one),
    "Normalize": ("norm_param { across_spatial: false }", one),
    "PSROIPooling": ("psroi_pooling_param { output_dim: 1 group_size: 2 }", regions),
    "Permute": ("permute_param { order: 1 }", one),
    "ROIPooling": ("roi_pooling_param { pooled_h: 2 pooled_w: 3 }", regions),
    "ReLU6": ("", one),
    "Reorg": ("reorg_param { stride: 1 }", one),
    "ShuffleChannel": ("shuffle_channel_param { group: 2 }", one),
    "SmoothL1Loss": ("", alike(4)),
    "SpatialTransformer": ("", turned),
    "TemperatureSoftmax": ("softmax_param { temperature: 2 }", one),
    "TotalVariationLoss": ("", one),
    "TripletLoss": ("", alike(3)),
    "Upsample": ('bottom: "x" bottom: "mask" upsample_param { scale: 2 }', masked),
}


def definition(kind):
    return f'type: "{kind}" {CASES[kind][0]}'


def run(device, layer, bottom, top):
    """What comes out, and all gradients for a loss that reads it."""
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = np.nan  # to be written over
    for blob in layer.blobs:
        blob.diff[...] = 0
    rng = np.random.default_rng(5)
    for blob, weight in zip(top, layer.loss_weights, strict=True):
        blob.diff[...] = weight or device.xp.asarray(rng.standard_normal(blob.shape))
    wanted = [layer.allow_force_backward(index) for index in range(len(bottom))]
    layer.run_backward(top, wanted, bottom)
    diffs = [blob.diff for blob, asked in zip(bottom, wanted, strict=True) if asked]
    arrays = [blob.data for blob in top] + diffs + [blob.diff for blob in layer.blobs]
    found = [device.to_numpy(array).copy() for array in arrays]
    assert all(np.isfinite(array).all() for array in found)
    return found


def test_the_types_are_such():
    """None of them is Caffe's; those with chances, from databases or on the host have others."""
    assert all(layer_classes()[kind].origin != "Caffe 1.0" for kind in CASES)


@pytest.mark.parametrize("kind", CASES)
def test_an_empty_batch_is_a_batch(device, rng, kind):
    """A detector that has found no region in an image goes on with that."""
    made = build(definition(kind), device, *CASES[kind][1](rng, 0, 4, (2, 5)))
    y, *gradients = run(device, *made)
    if made[0].loss_weights[0]:
        assert y == 0
    else:
        assert y.size == 0
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("shape", [(1, 4, (1, 1)), (3, 4, (1, 1)), (1, 4, (1, 6)), (2, 4, (5, 1))])
def test_the_smallest_maps_are_maps(rng, kind, shape):
    """Each body says the same of them."""
    arrays = CASES[kind][1](rng, *shape)
    found = []
    for xp in (np, fake_cupy):
        device = Device(xp, None if xp is np else 0, np.random.default_rng(3))
        found.append(run(device, *build(definition(kind), device, *arrays)))
    for one_body, other in zip(*found, strict=True):
        np.testing.assert_allclose(one_body, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", CASES)
def test_a_size_that_changes_leaves_nothing_behind(device, rng, kind):
    """After other items and sizes, forward and backward give what a new layer gives."""
    text, arrays = definition(kind), CASES[kind][1]
    layer, bottom, top = build(text, device, *arrays(rng, 3, 4, (4, 5)))
    for shape in ((1, 4, (4, 5)), (5, 4, (6, 3)), (0, 4, (4, 5)), (3, 4, (4, 5))):
        if kind == "CenterLoss" and prod(shape[2]) != 20:
            continue  # the centres have as many features
        given = arrays(rng, *shape)
        for blob, array in zip(bottom, given, strict=True):
            blob.reshape(array.shape)
            blob.data[...] = device.xp.asarray(array)
        new, *ends = build(text, device, *given)
        for mine, fresh in zip(layer.blobs, new.blobs, strict=True):
            fresh.data[...] = mine.data
        for found, expected in zip(
            run(device, layer, bottom, top), run(device, new, *ends), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["LCCL", "DepthwiseConvolution"])
def test_no_channels_are_refused(device, kind):
    with pytest.raises(ShapeError, match=r"bottom\[0\] has no channels, expected at least 1"):
        build(definition(kind), device, np.ones((2, 0, 4, 5)))


@pytest.mark.parametrize("kind", ["GroupNorm", "InstanceNorm", "LayerNorm", "Normalize"])
def test_large_numbers_are_as_good_as_small_ones(device, rng, kind):
    """Squares are summed in float64: they do not overflow."""
    (x,) = one(rng, 2, 4, (3, 5))
    text = f'type: "{kind}" group_norm_param {{ group_num: 2 }}'
    found = []
    for scale in (1e6, 1e24):
        layer, bottom, top = build(text, device, x * scale, dtype=np.float32)
        layer.run_forward(bottom, top)
        found.append(device.to_numpy(top[0].data))
    np.testing.assert_allclose(*found, rtol=1e-5)
