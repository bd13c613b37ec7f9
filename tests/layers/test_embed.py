"""Embed: against loops over indices, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe import glog
from minicaffe.device import cpu
from minicaffe.errors import LayerConfigError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

INDEX = np.array([[3, 0, 6], [6, 1.9, 6]])  # some several times, one with a fraction


def text(field=""):
    return (
        f'type: "Embed" embed_param {{ input_dim: 7 num_output: 4 {field} '
        'weight_filler { type: "uniform" } bias_filler { type: "uniform" } }'
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("index", [INDEX, INDEX[0], np.array(5.0), np.zeros((0, 2))])
def test_matches_reference(device, index, bias):
    field = "" if bias else "bias_term: false"
    layer, bottom, top = build(text(field), device, index)
    assert [blob.shape for blob in layer.blobs] == [(7, 4), (4,)][: 1 + bias]
    layer.run_forward(bottom, top)
    w, *b = [device.to_numpy(blob.data) for blob in layer.blobs]
    y = device.to_numpy(top[0].data)
    assert y.shape == (*index.shape, 4)
    for place in np.ndindex(index.shape):
        expected = w[int(index[place])] + (b[0] if b else 0)
        np.testing.assert_allclose(y[place], expected, rtol=1e-12)


@pytest.mark.parametrize("field", ["", "bias_term: false"])
def test_gradient(device, field):
    check_gradient(*build(text(field), device, INDEX), checked=[])


@pytest.mark.parametrize("wanted", [[True, False], [False, True]])
def test_leaves_parameters_that_do_not_learn(device, wanted):
    layer, bottom, top = build(text(), device, INDEX)
    layer.param_propagate_down = wanted
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    top[0].diff[...] = 1
    layer.run_backward(top, [False], bottom)
    assert [bool(device.to_numpy(blob.diff).any()) for blob in layer.blobs] == wanted
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_another_shape(device):
    layer, bottom, top = build(text(), device, INDEX)
    bottom[0].reshape((5,))
    bottom[0].data[...] = 2
    check_gradient(layer, bottom, top, checked=[])
    assert top[0].shape == (5, 4)


@pytest.mark.parametrize(
    ("value", "found"),
    [(7, "7"), (-1, "-1"), (np.nan, "nan"), (np.inf, "inf"), (-3.5, "-3.5")],
)
def test_refuses_an_index_that_is_no_row(device, value, found):
    index = INDEX.copy()
    index[1, 2] = value
    layer, bottom, top = build(text(), device, index)
    message = (
        rf"^layer 'it' \(Embed\): bottom\[0\] holds the index {found} at bottom\[0\]\[1, 2\], "
        r"expected 0..6: input_dim is 7"
    )
    with pytest.raises(ValueRangeError, match=message):
        layer.run_forward(bottom, top)


def test_refuses_a_gradient_for_its_indices(device):
    message = r"propagate_down\[0\] is true, expected false: bottom\[0\] holds indices"
    with pytest.raises(LayerConfigError, match=message):
        build(f"{text()} propagate_down: true", device, INDEX)
    layer, bottom, top = build(text(), device, INDEX)
    assert not layer.allow_force_backward(0)
    with pytest.raises(LayerConfigError, match=message):
        layer.run_backward(top, [True], bottom)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("input_dim: 3", "num_output is missing, expected at least 1"),
        ("num_output: 3", "input_dim is missing, expected at least 1"),
        ("input_dim: 0 num_output: 3", "input_dim is 0, expected at least 1"),
        ("input_dim: 3 num_output: 0", "num_output is 0, expected at least 1"),
    ],
)
def test_refuses_a_table_without_rows_or_columns(device, field, message):
    with pytest.raises(LayerConfigError, match=rf"^layer 'it' \(Embed\): {message}"):
        build(f'type: "Embed" embed_param {{ {field} }}', device, INDEX)


def test_warns_of_a_table_of_zeros(monkeypatch):
    said = []
    monkeypatch.setattr(glog, "warning", lambda _, message: said.append(message))
    for phase in ("TRAIN", "TEST"):
        build(
            f'type: "Embed" phase: {phase} embed_param {{ input_dim: 3 num_output: 2 }}',
            cpu(),
            np.zeros(4),
        )
    assert len(said) == 1
    assert "no weight_filler" in said[0]
