"""check_gradient itself: it must fail where a gradient is wrong, in each way it can be."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.layers import Layer
from minicaffe.proto.minicaffe_pb2 import FillerParameter, LayerParameter
from minicaffe.testing import check_gradient, compare_gradients


class Affine(Layer):
    """``y = w x**2 + b``, with a mistake of choice."""

    type = "Affine"
    mistake = ""

    def setup(self, bottom, top):
        self.add_param(bottom[0].shape[1:], FillerParameter(type="gaussian"))
        self.add_param(bottom[0].shape[1:], FillerParameter())

    def reshape(self, bottom, top):
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom, top):
        noise = self.device.rng.standard_normal() if self.mistake == "random" else 0.0
        top[0].data[...] = self.blobs[0].data * bottom[0].data ** 2 + self.blobs[1].data + noise

    def backward(self, top, propagate_down, bottom):
        dy, x = top[0].diff, bottom[0].data
        factor = {"factor": 1.9}.get(self.mistake, 2.0)
        if propagate_down[0] or self.mistake == "not asked":
            dx = factor * self.blobs[0].data * x * dy
            if self.mistake == "adds":
                dx = dx + bottom[0].diff
            bottom[0].diff[...] = dx
        for blob, gradient in zip(self.blobs, (x**2 * dy, dy), strict=True):
            if self.mistake == "overwrites":
                blob.diff[...] = 0
            if self.mistake != "forgets" or blob is self.blobs[0]:
                blob.diff[...] += gradient.sum(0)


@pytest.fixture
def ends(device, rng):
    bottom, top = Blob(device, (2, 3), np.float64), Blob(device, (), np.float64)
    bottom.data[...] = device.xp.asarray(rng.standard_normal((2, 3)))
    layer = Affine(LayerParameter(name="it", type="Affine"), device, np.float64)
    layer.initialize([bottom], [top])
    return layer, [bottom], [top]


def test_a_right_gradient_passes(ends):
    check_gradient(*ends)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (
            "factor",
            r"it: the gradient for bottom\[0\]\[0, 0\] is .* by backward, .* by differences",
        ),
        ("adds", r"bottom\[0\]\[0, 0\] is nan"),
        ("overwrites", r"blobs\[0\]"),
        ("forgets", r"blobs\[1\]"),
    ],
)
def test_a_wrong_gradient_fails(ends, mistake, message):
    ends[0].mistake = mistake
    with pytest.raises(AssertionError, match=message):
        check_gradient(*ends)


def test_random_numbers_repeat(ends):
    ends[0].mistake = "random"
    check_gradient(*ends)


def test_bottoms_that_are_not_checked_are_not_asked_for(ends):
    layer, bottom, top = ends
    check_gradient(layer, bottom, top, checked=[])
    assert np.isnan(layer.device.to_numpy(bottom[0].diff)).all()


def test_samples_are_that_many_and_in_every_blob(ends):
    found = [(one.name, one.index) for one in compare_gradients(*ends, samples=2)]
    assert [name for name, _ in found] == ["bottom[0]"] * 2 + ["blobs[0]"] * 2 + ["blobs[1]"] * 2
    assert len(set(found)) == 6


def test_inputs_are_as_before(ends):
    layer, bottom, _ = ends
    before = [layer.device.to_numpy(b.data).copy() for b in (*bottom, *layer.blobs)]
    check_gradient(*ends)
    after = [layer.device.to_numpy(b.data) for b in (*bottom, *layer.blobs)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_frozen_parameters_are_left_out(ends):
    ends[0].param_propagate_down[1] = False
    ends[0].mistake = "forgets"
    check_gradient(*ends)


def test_float32_is_refused(device):
    layer = Affine(text_format.Parse('name: "it"', LayerParameter()), device)
    bottom, top = Blob(device, (2, 3)), Blob(device)
    layer.initialize([bottom], [top])
    with pytest.raises(TypeError, match="needs float64 blobs"):
        check_gradient(layer, [bottom], [top])
