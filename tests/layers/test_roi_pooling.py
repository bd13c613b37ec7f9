"""ROIPooling: an example worked by hand, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 6, 8)
ROIS = np.array(
    [
        [0, 0, 0, 7, 5],  # all of the first image
        [1, 2.5, 1.49, 4, 4],  # from column 3 and row 1
        [1, 6, 3, 20, 9],  # over two edges
        [0, 3, 4, 1, 2],  # ends before it starts: the element at column 3, row 4
        [1, -9, -9, -4, -4],  # outside
    ]
)


def text(field=""):
    return f'type: "ROIPooling" roi_pooling_param {{ pooled_h: 2 pooled_w: 3 {field} }}'


def distinct(rng, shape=X):
    """No two elements within twice the step of a numeric gradient."""
    return 0.1 * rng.permutation(float(np.prod(shape)) - np.arange(np.prod(shape))).reshape(shape)


def test_an_example_worked_by_hand(device):
    """Rows and columns of each bin written out; x[h, w] = 10 h + w, and the same less 100."""
    plane = 10.0 * np.arange(6)[:, None] + np.arange(8)
    x = np.stack([[plane, plane - 100]] * 2) + np.array([0, 1000])[:, None, None, None]
    layer, bottom, top = build(text(), device, x, ROIS)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert y.shape == (5, 2, 2, 3)
    assert y[:, 0].tolist() == [
        [[22, 25, 27], [52, 55, 57]],  # rows 0-2, 3-5; columns 0-2, 2-5, 5-7
        [[1023, 1024, 1024], [1043, 1044, 1044]],  # rows 1-2, 3-4; columns 3, 3-4, 4
        [[1057, 0, 0], [0, 0, 0]],  # rows 3-6, 6-9; columns 6-10, 11-15, 16-20
        [[43, 43, 43], [43, 43, 43]],
        [[0, 0, 0], [0, 0, 0]],
    ]
    assert y[0, 1].tolist() == [[-78, -75, -73], [-48, -45, -43]]


def test_coordinates_are_scaled(device, rng):
    x = rng.standard_normal(X)
    tops = []
    for rois, field in ((ROIS, ""), (ROIS * [1, 16, 16, 16, 16], "spatial_scale: 0.0625")):
        layer, bottom, top = build(text(field), device, x, rois)
        layer.run_forward(bottom, top)
        tops.append(device.to_numpy(top[0].data))
    np.testing.assert_array_equal(*tops)
    assert tops[0][:3].any()


def test_gradient(device, rng):
    layer, bottom, top = build(text(), device, distinct(rng, (2, 2, 5, 4)), ROIS)
    check_gradient(layer, bottom, top, checked=[0])


def test_an_element_of_several_bins_gets_the_sum(device):
    x = np.zeros((1, 1, 3, 4))
    x[0, 0, 1, 1] = 5
    layer, bottom, top = build(text(), device, x, np.array([[0, 0, 0, 3, 2], [0, 1, 1, 1, 1]]))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = np.nan
    top[0].diff[...] = device.xp.asarray(np.arange(1.0, 13).reshape(2, 1, 2, 3))
    layer.run_backward(top, [True, False], bottom)
    dx = device.to_numpy(bottom[0].diff)[0, 0]
    # rows 0-1, 1-2 and columns 0-1, 1-2, 2-3: four bins of the first have it, all of the second
    assert dx[1, 1] == 1 + 2 + 4 + 5 + 7 + 8 + 9 + 10 + 11 + 12
    assert dx.sum() == sum(range(1, 13))  # what ties goes to the first


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, distinct(rng), ROIS)
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 777
    layer.run_backward(top, [False, False], bottom)
    assert all((device.to_numpy(blob.diff) == 777).all() for blob in bottom)


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, distinct(rng), ROIS)
    bottom[0].reshape((1, 2, 5, 4))
    bottom[0].data[...] = device.xp.asarray(distinct(rng, (1, 2, 5, 4)))
    bottom[1].reshape((2, 5, 1, 1))
    bottom[1].data[...] = device.xp.asarray(ROIS[[0, 3]].reshape(2, 5, 1, 1))
    check_gradient(layer, bottom, top, checked=[0])
    assert top[0].shape == (2, 2, 2, 3)


def test_takes_no_region(device, rng):
    layer, bottom, top = build(text(), device, distinct(rng), np.zeros((0, 5)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 777
    layer.run_backward(top, [True, False], bottom)
    assert top[0].shape == (0, 3, 2, 3)
    assert not device.to_numpy(bottom[0].diff).any()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            (2, 0),
            2,
            r"bottom\[1\] holds the index 2 at bottom\[1\]\[2, 0\], expected 0..1: .*\(2, 3",
        ),
        ((2, 0), -1, r"holds the index -1 at bottom\[1\]\[2, 0\], expected 0..1"),
        ((0, 0), np.nan, r"holds the index nan at bottom\[1\]\[0, 0\]"),
        ((3, 1), np.nan, "x1 of region 3 is nan, expected a finite number"),
        ((3, 2), np.inf, "y1 of region 3 is inf, expected a finite number"),
        ((4, 3), -np.inf, "x2 of region 4 is -inf, expected a finite number"),
        ((0, 4), np.nan, "y2 of region 0 is nan, expected a finite number"),
    ],
)
def test_refuses_regions_that_are_none(device, place, value, message):
    rois = ROIS.copy()
    rois[place] = value
    layer, bottom, top = build(text(), device, np.ones(X), rois)
    with pytest.raises(ValueRangeError, match=rf"^layer 'it' \(ROIPooling\).*{message}"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        ("", [X, (4, 5)], LayerConfigError, "pooled_h is missing, expected at least 1"),
        ("pooled_h: 2", [X, (4, 5)], LayerConfigError, "pooled_w is missing, expected at least 1"),
        ("pooled_h: 0 pooled_w: 1", [X, (4, 5)], LayerConfigError, "pooled_h is 0, .* least 1"),
        (
            "pooled_h: 1 pooled_w: 1 spatial_scale: 0",
            [X, (4, 5)],
            LayerConfigError,
            "spatial_scale is 0, expected a positive number",
        ),
        (
            "pooled_h: 1 pooled_w: 1 spatial_scale: nan",
            [X, (4, 5)],
            LayerConfigError,
            "spatial_scale is nan, expected a positive number",
        ),
        ("pooled_h: 1 pooled_w: 1", [X[1:], (4, 5)], ShapeError, r"bottom\[0\] has .*\(N, C, H, W"),
        ("pooled_h: 1 pooled_w: 1", [X, (4, 4)], ShapeError, r"bottom\[1\] has .*\(4, 4\).*\(R, 5"),
        ("pooled_h: 1 pooled_w: 1", [X, (5,)], ShapeError, r"bottom\[1\] has .*\(5,\).*\(R, 5\)"),
        ("pooled_h: 1 pooled_w: 1", [X], BlobCountError, r"1 bottom blob\(s\), expected 2"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(ROIPooling\): .*{message}"):
        build(
            f'type: "ROIPooling" roi_pooling_param {{ {definition} }}',
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


@pytest.mark.parametrize("shape", [(2, 3, 0, 5), (2, 3, 4, 0)])
def test_of_an_empty_plane_every_bin_is_empty(device, shape):
    layer, bottom, top = build(text(), device, np.ones(shape), ROIS)
    layer.run_forward(bottom, top)
    assert not device.to_numpy(top[0].data).any()
    layer.run_backward(top, [True, True], bottom)
