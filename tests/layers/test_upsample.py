"""Upsample: with a pooling's mask and alone, examples by hand, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 2, 4)


def text(fields="", bottoms=2):
    names = " ".join(f'bottom: "b{i}"' for i in range(bottoms))
    return f'type: "Upsample" {names} upsample_param {{ {fields} }}'


def places(rng, shape, size):
    """No two of a plane are equal."""
    planes = [rng.permutation(size)[: shape[2] * shape[3]] for _ in range(shape[0] * shape[1])]
    return np.array(planes, float).reshape(shape)


def test_an_example_worked_by_hand(device):
    x = np.array([[[[1.0, 2, 3], [4, 5, 6]]]])
    mask = np.array([[[[1.0, 2, 5], [6, 15, 22.9]]]])  # 22.9 is place 22
    layer, bottom, top = build(text(), device, x, mask)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data)[0, 0].tolist() == [
        [0, 1, 2, 0, 0, 3],
        [4, 0, 0, 0, 0, 0],
        [0, 0, 0, 5, 0, 0],
        [0, 0, 0, 0, 6, 0],
    ]
    top[0].diff[...] = device.xp.asarray(np.arange(24.0).reshape(1, 1, 4, 6))
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(bottom[0].diff)[0, 0].tolist() == [[1, 2, 5], [6, 15, 22]]


def test_of_several_for_one_place_the_last_stays(device):
    x, mask = np.array([[[[1.0, 2, 3]]]]), np.array([[[[4.0, 0, 4]]]])
    layer, bottom, top = build(text(), device, x, mask)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).reshape(-1).tolist() == [2, 0, 0, 0, 3] + [0] * 7
    top[0].diff[...] = 7
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(bottom[0].diff).reshape(-1).tolist() == [0, 7, 7]


def test_undoes_a_pooling(device, rng):
    """Each maximum is where it was, also where the plane is odd."""
    definition = parse(
        """
        layer { name: "x" type: "Input" top: "x"
                input_param { shape { dim: 2 dim: 3 dim: 5 dim: 7 } } }
        layer { name: "p" type: "Pooling" bottom: "x" top: "p" top: "m"
                pooling_param { kernel_size: 2 stride: 2 } }
        layer { name: "u" type: "Upsample" bottom: "p" bottom: "m" top: "u"
                upsample_param { scale: 2 pad_out_h: true pad_out_w: true } }
        """,
        NetParameter,
    )
    net = Net(definition, device=device)
    x = rng.permutation(210.0 + np.arange(210)).reshape(2, 3, 5, 7)
    net.blobs["x"].data[...] = device.xp.asarray(x)
    net.forward()
    u = device.to_numpy(net.blobs["u"].data)
    assert u.shape == x.shape
    assert (u != 0).sum() == 2 * 3 * 3 * 4
    np.testing.assert_array_equal(u[u != 0], x[u != 0])


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ("", (4, 8)),
        ("scale: 3", (6, 12)),
        ("scale_h: 3 scale_w: 2", (6, 8)),
        ("scale: 2 pad_out_h: true", (3, 8)),
        ("scale: 2 pad_out_w: true", (4, 7)),
        ("scale: 2 upsample_h: 3 upsample_w: 9", (3, 9)),
        ("upsample_w: 9", (4, 9)),
        ("scale: 2 pad_out_h: true upsample_h: 4", (4, 8)),
    ],
)
def test_sizes_with_a_mask(device, rng, fields, size):
    mask = places(rng, X, size[0] * size[1])
    layer, bottom, top = build(text(fields), device, rng.standard_normal(X), mask)
    assert top[0].shape == (2, 3, *size)
    check_gradient(layer, bottom, top, checked=[0])


def test_alone_it_repeats(device):
    x = np.array([[[[1.0, 2, 3], [4, 5, 6]]]])
    layer, bottom, top = build(text("scale_h: 2 scale_w: 3", 1), device, x)
    layer.run_forward(bottom, top)
    upper, lower = [1, 1, 1, 2, 2, 2, 3, 3, 3], [4, 4, 4, 5, 5, 5, 6, 6, 6]
    assert device.to_numpy(top[0].data)[0, 0].tolist() == [upper, upper, lower, lower]
    top[0].diff[...] = device.xp.asarray(np.arange(36.0).reshape(1, 1, 4, 9))
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff)[0, 0, 0].tolist() == [33, 51, 69]


@pytest.mark.parametrize(("fields", "size"), [("", (2, 4)), ("scale: 3", (6, 12))])
def test_gradient_alone(device, rng, fields, size):
    layer, bottom, top = build(text(fields, 1), device, rng.standard_normal(X))
    assert top[0].shape == (2, 3, *size)
    check_gradient(layer, bottom, top)


@pytest.mark.parametrize("shape", [(0, 3, 2, 4), (2, 0, 2, 4)])
@pytest.mark.parametrize("bottoms", [1, 2])
def test_takes_nothing(device, shape, bottoms):
    arrays = [np.zeros(shape)] * bottoms
    layer, bottom, top = build(text("scale: 2", bottoms), device, *arrays)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False][:bottoms], bottom)
    assert top[0].shape == (*shape[:2], 4, 8)


@pytest.mark.parametrize("bottoms", [1, 2])
def test_leaves_what_is_not_asked_for(device, rng, bottoms):
    arrays = [rng.standard_normal(X), places(rng, X, 32)][:bottoms]
    layer, bottom, top = build(text("scale: 2", bottoms), device, *arrays)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False] * bottoms, bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_reads_backward_only_the_mask():
    from minicaffe.device import cpu

    alone, _, _ = build(text("", 1), cpu(), np.ones(X))
    masked, _, _ = build(text(), cpu(), np.ones(X), np.zeros(X))
    assert (tuple(alone.backward_reads), tuple(masked.backward_reads)) == ((), ("bottom",))
    assert [masked.allow_force_backward(i) for i in range(2)] == [True, False]


@pytest.mark.parametrize(("value", "named"), [(32, "32"), (-1, "-1"), (np.nan, "nan"), (1e9, "1e")])
def test_refuses_places_outside(device, rng, value, named):
    mask = places(rng, X, 32)
    mask[1, 0, 1, 2] = value
    layer, bottom, top = build(text(), device, np.ones(X), mask)
    message = rf"the index {named}.* at bottom\[1\]\[1, 0, 1, 2\], expected 0..31: top\[0\] .*Pool"
    with pytest.raises(ValueRangeError, match=message):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("fields", "shapes", "error", "message"),
    [
        ("scale: 0", [X, X], LayerConfigError, "scale is 0, expected at least 1"),
        ("scale_w: 0 scale_h: 1", [X, X], LayerConfigError, "scale_w is 0"),
        ("upsample_h: 0", [X, X], LayerConfigError, "upsample_h is 0"),
        ("scale_h: 2", [X, X], LayerConfigError, "scale_h is given alone, expected scale, or"),
        ("scale: 1 scale_h: 2 scale_w: 2", [X, X], LayerConfigError, "scale and scale_h and"),
        ("pad_out_h: true", [X], LayerConfigError, "pad_out_h is given with one bottom"),
        ("upsample_w: 8", [X], LayerConfigError, "upsample_w is given with one bottom"),
        ("", [X[1:], X[1:]], ShapeError, r"bottom\[0\] has shape \(3, 2, 4\), expected \(N, C"),
        ("", [X, (2, 3, 4, 2)], ShapeError, r"bottom\[1\] has .*, expected \(2, 3, 2, 4\)"),
    ],
)
def test_refuses(device, fields, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Upsample\): .*{message}"):
        build(text(fields, len(shapes)), device, *map(np.ones, shapes))


def test_refuses_a_gradient_for_its_mask(device):
    message = r"propagate_down\[1\] is true, expected false: bottom\[1\] holds places"
    with pytest.raises(LayerConfigError, match=message):
        build(f"{text()} propagate_down: true propagate_down: true", device, *[np.ones(X)] * 2)
