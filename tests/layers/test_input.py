"""Input: the shapes of its tops, and what it refuses."""

from __future__ import annotations

import pytest

from minicaffe.errors import BlobCountError, LayerConfigError
from tests.build import build

TWO = "shape { dim: 2 dim: 3 } shape { dim: 5 }"


@pytest.mark.parametrize(
    ("text", "shapes"),
    [(TWO, [(2, 3), (5,)]), ("shape { dim: 2 dim: 3 }", [(2, 3), (2, 3)]), ("", [(), ()])],
)
def test_shapes(device, text, shapes):
    _, _, top = build(f'type: "Input" input_param {{ {text} }}', device, tops=2)
    assert [blob.shape for blob in top] == shapes


def test_forward_keeps_what_the_caller_put_there(device):
    layer, bottom, top = build(f'type: "Input" input_param {{ {TWO} }}', device, tops=2)
    top[0].data[...] = 4
    layer.run_forward(bottom, top)
    layer.run_backward(top, [], bottom)
    assert (device.to_numpy(top[0].data) == 4).all()


def test_a_reshaped_top_stays_so(device):
    layer, bottom, top = build(f'type: "Input" input_param {{ {TWO} }}', device, tops=2)
    top[0].reshape((7, 3))
    layer.run_forward(bottom, top)
    assert top[0].shape == (7, 3)


@pytest.mark.parametrize(
    ("text", "tops", "error", "message"),
    [
        (TWO, 3, LayerConfigError, r"shape is given 2 time\(s\), expected none, .* \(3\)"),
        ("", 0, BlobCountError, r"0 top blob\(s\), expected at least 1"),
    ],
)
def test_refuses(device, text, tops, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Input\): {message}"):
        build(f'type: "Input" input_param {{ {text} }}', device, tops=tops)
