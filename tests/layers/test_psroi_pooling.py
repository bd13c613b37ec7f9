"""PSROIPooling: an example worked by hand, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 8, 6, 7)  # two outputs of 2 x 2 bins
ROIS = np.array(
    [
        [0, 0, 0, 3, 3],
        [1, 2.5, 1.49, 4, 4],
        [1, 5, 3, 20, 9],  # over two edges
        [0, 3, 4, 1, 2],  # ends before it starts
        [1, -9, -9, -4, -4],  # outside
    ]
)


def text(field=""):
    return f'type: "PSROIPooling" psroi_pooling_param {{ output_dim: 2 group_size: 2 {field} }}'


def test_an_example_worked_by_hand(device):
    """x[c, h, w] = 100 c + 10 h + w, so that a mean is 100 c + 10 (mean row) + (mean column)."""
    n, c, h, w = np.indices(X)
    layer, bottom, top = build(text(), device, 1000 * n + 100.0 * c + 10 * h + w, ROIS)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert y.shape == (5, 2, 2, 2)
    # rows and columns 0-1 and 2-3
    assert y[0, 0].tolist() == [[5.5, 100 + 7.5], [200 + 25.5, 300 + 27.5]]
    assert y[0, 1].tolist() == [[405.5, 507.5], [625.5, 727.5]]
    # columns from 3 to 5, bins of 1: 3, 4; rows from 1 to 5, bins of 2: 1-2, 3-4
    assert y[1, 0].tolist() == [[1018, 1119], [1238, 1339]]
    # rows 3-5 of 3 to 6.5 and none of 6.5 to 10; columns 5-6 of 5 to 13 and none
    assert y[2, 0].tolist() == [[1045.5, 0], [0, 0]]
    # 0.1 long, in two bins, all in the element at column 3, row 4
    assert y[3, 0].tolist() == [[43, 143], [243, 343]]
    assert not y[4].any()


def test_coordinates_are_rounded_before_they_are_scaled(device):
    """From round(5.6) / 4 = 1.5 to (round(8.4) + 1) / 4 = 2.25: elements 1 and 2."""
    x = np.arange(7.0).reshape(1, 1, 1, 7)
    definition = (
        'type: "PSROIPooling" psroi_pooling_param '
        "{ output_dim: 1 group_size: 1 spatial_scale: 0.25 }"
    )
    layer, bottom, top = build(definition, device, x, np.array([[0, 5.6, 0, 8.4, 3]]))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).item() == 1.5


def test_a_half_below_zero_is_rounded_before_its_pixel_is_added(device):
    """To (round(-0.5) + 1) = 0, not round(0.5) = 1: nothing is inside."""
    x, fields = np.ones((1, 1, 3, 4)), "output_dim: 1 group_size: 1"
    text = f'type: "PSROIPooling" psroi_pooling_param {{ {fields} }}'
    for right, expected in ((-0.5, 0), (-0.4, 1)):
        rois = np.array([[0, -3, 0, right, 2]])
        layer, bottom, top = build(text, device, x, rois)
        layer.run_forward(bottom, top)
        assert float(device.to_numpy(top[0].data).item()) == expected


def test_gradient(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 8, 5, 4)), ROIS)
    check_gradient(layer, bottom, top, checked=[0])


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal(X), ROIS)
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 777
    layer.run_backward(top, [False, False], bottom)
    assert all((device.to_numpy(blob.diff) == 777).all() for blob in bottom)


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal(X), ROIS)
    bottom[0].reshape((1, 8, 5, 4))
    bottom[0].data[...] = device.xp.asarray(rng.standard_normal((1, 8, 5, 4)))
    bottom[1].reshape((2, 5, 1, 1))
    bottom[1].data[...] = device.xp.asarray(ROIS[[0, 3]].reshape(2, 5, 1, 1))
    check_gradient(layer, bottom, top, checked=[0])
    assert top[0].shape == (2, 2, 2, 2)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((2, 0), 2, r"holds the index 2 at bottom\[1\]\[2, 0\], expected 0..1"),
        ((3, 1), np.nan, "x1 of region 3 is nan, expected a finite number"),
    ],
)
def test_refuses_regions_that_are_none(device, place, value, message):
    rois = ROIS.copy()
    rois[place] = value
    layer, bottom, top = build(text(), device, np.ones(X), rois)
    with pytest.raises(ValueRangeError, match=rf"^layer 'it' \(PSROIPooling\).*{message}"):
        layer.run_forward(bottom, top)


FIELDS = "output_dim: 2 group_size: 2"


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        ("", [X, (4, 5)], LayerConfigError, "output_dim is missing, expected at least 1"),
        ("output_dim: 2", [X, (4, 5)], LayerConfigError, "group_size is missing, expected at lea"),
        (
            "output_dim: -1 group_size: 2",
            [X, (4, 5)],
            LayerConfigError,
            "output_dim is -1, expected at least 1",
        ),
        (
            f"{FIELDS} spatial_scale: 0",
            [X, (4, 5)],
            LayerConfigError,
            "spatial_scale is 0, expected a positive number",
        ),
        (
            FIELDS,
            [(2, 9, 6, 7), (4, 5)],
            ShapeError,
            r"\(2, 9, 6, 7\), expected 8 channels: output_dim 2 times 2 x 2 bins",
        ),
        (FIELDS, [X[1:], (4, 5)], ShapeError, r"bottom\[0\] has .*\(N, C, H, W"),
        (FIELDS, [X, (4, 4)], ShapeError, r"bottom\[1\] has .*\(4, 4\).*\(R, 5"),
        (FIELDS, [X], BlobCountError, r"1 bottom blob\(s\), expected 2"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(PSROIPooling\): .*{message}"):
        build(
            f'type: "PSROIPooling" psroi_pooling_param {{ {definition} }}',
            device,
            *map(np.ones, shapes),
        )


def test_its_regions_have_no_gradient(device):
    message = r"propagate_down\[1\] is true, expected false: bottom\[1\] holds regions"
    with pytest.raises(LayerConfigError, match=message):
        build(f"{text()} propagate_down: true propagate_down: true", device, np.ones(X), ROIS)
    layer, bottom, top = build(text(), device, np.ones(X), ROIS)
    assert [layer.allow_force_backward(i) for i in range(2)] == [True, False]
    layer.run_forward(bottom, top)
    bottom[1].diff[...] = 7
    layer.run_backward(top, [False, True], bottom)  # where the regions come from may learn
    assert not device.to_numpy(bottom[1].diff).any()
