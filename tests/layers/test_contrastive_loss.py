"""ContrastiveLoss: against its formula, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

FIELDS = ["", "margin: 2.5", "legacy_version: true margin: 3"]
LAYOUTS = {
    "vectors": ((5, 3), (5, 3), (5,)),
    "maps of size 1": ((5, 3, 1, 1), (5, 3, 1, 1), (5, 1, 1, 1)),
    "mixed": ((5, 3), (5, 3, 1), (5, 1)),
    "numbers": ((5,), (5, 1), (5,)),
}


def text(fields="", rest=""):
    return f'type: "ContrastiveLoss" contrastive_loss_param {{ {fields} }} {rest}'


def reference(a, b, similar, margin=1.0, legacy=False):
    """The loss, and the gradient for a; that for b is its negative."""
    n, total = len(a), 0.0
    da = np.zeros((n, a.size // n))
    rows = zip(a.reshape(n, -1), b.reshape(n, -1), similar.reshape(-1), strict=True)
    for i, (x, y, alike) in enumerate(rows):
        d2 = sum((x - y) ** 2)
        d = np.sqrt(d2)
        if int(alike) != 0:
            total += d2
            da[i] = x - y
        elif legacy:
            total += max(margin - d2, 0)
            da[i] = -(x - y) if d2 < margin else 0
        else:
            total += max(margin - d, 0) ** 2
            da[i] = -(margin - d) * (x - y) / (d + 1e-4) if d < margin else 0
    return total / (2 * n), (da / n).reshape(a.shape)


def inputs(rng, layout):
    shapes = LAYOUTS[layout]
    a, b = (rng.standard_normal(shape) * 0.8 for shape in shapes[:2])
    b.reshape(-1)[0] += 5  # further apart than every margin
    similar = np.array([0, 1, -1.5, 0.9, 0]).reshape(shapes[2])
    return a, b, similar


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_reference(device, rng, layout, fields):
    a, b, similar = inputs(rng, layout)
    layer, bottom, top = build(text(fields, "loss_weight: 0.5"), device, a, b, similar)
    layer.run_forward(bottom, top)
    param = layer.param.contrastive_loss_param
    loss, gradient = reference(a, b, similar, param.margin, param.legacy_version)
    assert top[0].shape == ()
    np.testing.assert_allclose(device.to_numpy(top[0].data), loss, rtol=1e-12)
    layer.run_backward(top, [True, True, False], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), gradient / 2, rtol=1e-12)
    expected = -gradient.reshape(b.shape) / 2
    np.testing.assert_allclose(device.to_numpy(bottom[1].diff), expected, rtol=1e-12)


@pytest.mark.parametrize(("legacy", "expected"), [("false", 0.125), ("true", 0.375)])
def test_known_values(device, legacy, expected):
    arrays = np.array([[0.5]]), np.array([[0.0]]), np.array([0.0])
    layer, bottom, top = build(text(f"legacy_version: {legacy}"), device, *arrays)
    layer.run_forward(bottom, top)
    assert float(top[0].data) == expected


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("rest", ["", "loss_weight: 0.25"])
def test_gradient(device, rng, rest, fields):
    """The 1e-4 beside the distance is no part of the loss: hence the tolerance."""
    built = build(text(fields, rest), device, *inputs(rng, "vectors"))
    tolerance = 1e-6 if "legacy" in fields else 2e-4
    check_gradient(*built, checked=[0, 1], tolerance=tolerance)


@pytest.mark.parametrize("legacy", ["false", "true"])
def test_a_pair_in_one_place_or_on_the_margin_stays(device, legacy):
    a, b = np.array([[1.0, 2], [1, 0]]), np.array([[1.0, 2], [0, 0]])
    layer, bottom, top = build(text(f"legacy_version: {legacy}"), device, a, b, np.zeros(2))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, True, False], bottom)
    assert float(top[0].data) == 0.25
    assert (device.to_numpy(bottom[0].diff) == 0).all()
    assert (device.to_numpy(bottom[1].diff) == 0).all()


@pytest.mark.parametrize("similar", [0, 1])
@pytest.mark.parametrize("fields", FIELDS)
def test_nan_in_the_vectors_is_nan_in_the_loss(device, fields, similar):
    a, b = np.array([[1.0, np.nan], [1, 2]]), np.zeros((2, 2))
    layer, bottom, top = build(text(fields), device, a, b, np.array([similar, 0.0]))
    layer.run_forward(bottom, top)
    assert np.isnan(device.to_numpy(top[0].data))


def test_no_pairs_lose_nothing(device):
    layer, bottom, top = build(text(), device, np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, True, False], bottom)
    assert device.to_numpy(top[0].data) == 0


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "vectors"))
    layer.run_forward(bottom, top)
    for asked in (0, 1, 2):
        for blob in bottom:
            blob.diff[...] = 7
        layer.run_backward(top, [asked == 0, asked == 1, False], bottom)
        for index, blob in enumerate(bottom):
            assert (device.to_numpy(blob.diff) == 7).all() == (index != asked or asked == 2)


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "vectors"))
    arrays = *rng.standard_normal((2, 7, 2)), np.array([0.0, 1, 0, 1, 1, 0, 0])
    for blob, array in zip(bottom, arrays, strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(*arrays)[0], rtol=1e-12)


def test_force_backward_reaches_the_vectors_alone(device, rng):
    layer, _, _ = build(text(), device, *inputs(rng, "vectors"))
    assert [layer.allow_force_backward(index) for index in (0, 1, 2)] == [True, True, False]


def test_refuses_nan_for_similar(device, rng):
    a, b, similar = inputs(rng, "vectors")
    similar[3] = np.nan
    layer, bottom, top = build(text(), device, a, b, similar)
    with pytest.raises(ValueRangeError, match=r"bottom\[2\] holds nan at row 3, expected a finite"):
        layer.run_forward(bottom, top)


def test_refuses_a_gradient_for_similar_when_run(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "vectors"))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[2\] is true, expected false"):
        layer.run_backward(top, [True, True, True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (4, 3), (4,)], ShapeError, r"\(4, 3\), expected \(4, 5\) as bottom\[0\]"),
        (text(), [(4, 5), (2, 10), (4,)], ShapeError, r"\(2, 10\), expected \(4, 5\)"),
        (text(), [(4, 5, 2), (4, 5, 2), (4,)], ShapeError, r"expected \(N, C\): .*Flatten"),
        (text(), [(4, 6), (4, 3, 2), (4,)], ShapeError, r"bottom\[1\] has shape \(4, 3, 2\)"),
        (text(), [(4, 5), (4, 5), (3,)], ShapeError, r"bottom\[2\] .*\(3,\), expected \(4,\)"),
        (text(), [(4, 5), (4, 5), (4, 2)], ShapeError, r"\(4, 2\), expected \(4,\): it says"),
        (text(), [(4, 5), (4, 5)], BlobCountError, r"2 bottom blob\(s\), expected 3"),
        (
            text(rest="propagate_down: [true, true, true]"),
            [(4, 5), (4, 5), (4,)],
            LayerConfigError,
            r"propagate_down\[2\] is true, expected false",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(ContrastiveLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
