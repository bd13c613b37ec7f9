"""A blob's coordinate is the middle of what it sees of the blob below, or of what it paints."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe import net_spec
from minicaffe.coord_map import (
    PASS_THROUGH_LAYERS,
    AxisMismatchException,
    CropError,
    UnconnectedError,
    UndefinedMapException,
    compose,
    conv_params,
    coord_map,
    coord_map_from_to,
    crop,
    crop_params,
    inverse,
)
from minicaffe.errors import LayerConfigError, MinicaffeError
from minicaffe.net import Net
from minicaffe.net_spec import layers as L  # noqa: N812
from minicaffe.net_spec import params as P  # noqa: N812


def data(*shape):
    return L.Input(shape={"dim": list(shape or (1, 3, 40, 36))})


def middle(index, kernel, stride=1, pad=0, dilation=1):
    """Of the pixels below that pixel ``index`` is computed from."""
    return np.mean([index * stride - pad + dilation * step for step in range(kernel)])


WINDOWS = [
    {"kernel": 3},
    {"kernel": 4, "stride": 3},
    {"kernel": 5, "pad": 2},
    {"kernel": 3, "stride": 2, "pad": 4},
    {"kernel": 3, "stride": 2, "pad": 1, "dilation": 5},
]
FIELDS = {"kernel": "kernel_size"}


def at(found, x):
    _, scale, shift = found
    return scale * x + shift


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("layer", ["Convolution", "Im2col", "Pooling", "Deconvolution"])
def test_one_layer(layer, window):
    if layer == "Pooling" and "dilation" in window:
        return  # it has none
    fields = {FIELDS.get(name, name): value for name, value in window.items()}
    x = data()
    y = getattr(L, layer)(x, **fields)
    above, below = (x, y) if layer == "Deconvolution" else (y, x)
    for found in (coord_map_from_to(above, below), inverse(coord_map_from_to(below, above))):
        assert found[0] == 1
        for index in range(4):
            assert at(found, index) == pytest.approx(middle(index, **window))


@pytest.mark.parametrize("layer", PASS_THROUGH_LAYERS)
def test_layers_that_keep_coordinates(layer):
    x = data()
    y = L.Convolution(x, kernel_size=3, stride=2)
    z = getattr(L, layer)(y)
    axis, scale, shift = coord_map_from_to(z, x)
    assert (axis, scale, shift) == coord_map_from_to(y, x)
    assert coord_map(z.fn) == (None, 1, 0)


def test_layers_in_place():
    x = data()
    y = L.Convolution(x, kernel_size=3, stride=2)
    z = L.Convolution(L.ReLU(L.Scale(y, in_place=True), in_place=True), kernel_size=1)
    assert at(coord_map_from_to(z, x), 3) == middle(3, 3, 2)


def test_a_chain():
    x = data()
    first = L.Convolution(x, kernel_size=5, stride=2, pad=1)
    second = L.Pooling(first, kernel_size=2, stride=2)
    third = L.Convolution(second, kernel_size=3, dilation=2)
    expected = middle(middle(middle(7, 3, dilation=2), 2, 2), 5, 2, 1)
    found = coord_map_from_to(third, x)
    assert found[1] == 4
    assert at(found, 7) == expected


def test_two_branches():
    """By way of what both are made of, whatever is below that."""
    x = L.Convolution(data(), kernel_size=7, stride=3)
    one = L.Pooling(L.Convolution(x, kernel_size=3, pad=1), kernel_size=2, stride=2)
    other = L.Convolution(x, kernel_size=5)
    below = at(coord_map_from_to(one, x), 5)
    assert at(coord_map_from_to(one, other), 5) == below - 2


def test_the_shortest_way_counts():
    x = data()
    long = L.Convolution(L.Convolution(x, kernel_size=3), kernel_size=3)
    short = L.ReLU(x)
    for bottoms in ((long, short), (short, long)):
        total = L.Eltwise(*bottoms)
        assert at(coord_map_from_to(total, x), 0) == 0


def test_several_bottoms_and_tops():
    x, aux = data(), data(1, 3, 20, 20)
    one, two = L.Convolution(x, aux, ntop=2, kernel_size=5, stride=2)
    assert coord_map_from_to(one, x) == coord_map_from_to(two, aux)
    assert coord_map_from_to(two, x) == coord_map_from_to(one, x)


@pytest.mark.parametrize(
    "fields",
    [
        {"kernel_size": [3, 5], "stride": [1, 2], "pad": [0, 10]},
        {"kernel_size": (3, 5), "stride": (1, 2), "pad": (0, 10)},
        {"kernel_h": 3, "kernel_w": 5, "stride_h": 1, "stride_w": 2, "pad_w": 10},
        {"convolution_param": {"kernel_size": [3, 5], "stride": [1, 2], "pad": [0, 10]}},
    ],
)
def test_axes_of_their_own(fields):
    x = data()
    axis, scale, shift = coord_map_from_to(L.Convolution(x, **fields), x)
    assert axis == 1
    assert scale.tolist() == [1, 2]
    for found, window in zip(scale * 6 + shift, [(3, 1, 0), (5, 2, 10)], strict=True):
        assert found == middle(6, *window)


@pytest.mark.parametrize(
    "fields",
    [
        {"kernel_h": 2, "kernel_w": 3, "stride_h": 2, "stride_w": 3},
        {"pooling_param": {"kernel_h": 2, "kernel_w": 3, "stride_h": 2, "stride_w": 3}},
    ],
)
def test_pooling_of_rectangles(fields):
    x = data()
    _, scale, shift = coord_map_from_to(L.Pooling(x, pool=P.Pooling.AVE, **fields), x)
    assert scale.tolist() == [2, 3]
    assert (scale * 4 + shift).tolist() == [middle(4, 2, 2), middle(4, 3, 3)]


def test_three_spatial_axes():
    x = data(1, 2, 30, 30, 30)
    y = L.Pooling(L.Convolution(x, kernel_size=3, pad=[0, 1, 2]), kernel_size=2, stride=2)
    axis, scale, shift = coord_map_from_to(y, x)
    assert axis == 1
    assert scale.tolist() == [2, 2, 2]
    assert shift.tolist() == [1.5, 0.5, -0.5]


def test_the_axis_of_the_channels():
    x = data(1, 3, 4, 20, 20)
    assert coord_map_from_to(L.Convolution(x, kernel_size=3, axis=2), x)[0] == 2


def test_parameters_of_a_layer():
    x = data()
    axis, stride, kernel, pad = conv_params(
        L.Convolution(x, kernel_size=[3, 4], dilation=2, pad=1).fn
    )
    assert axis == 1
    assert [each.tolist() for each in (stride, kernel, pad)] == [[1, 1], [5, 7], [1, 1]]
    axis, offset = crop_params(L.Crop(x, x).fn)
    assert (axis, offset.tolist()) == (2, [0])
    axis, offset = crop_params(L.Crop(x, x, crop_param={"axis": 3, "offset": 4}).fn)
    assert (axis, offset.tolist()) == (3, [4])


def test_through_a_crop():
    x, reference = data(), data(1, 3, 8, 8)
    y = L.Crop(x, reference, axis=2, offset=[5, 7])
    axis, scale, shift = coord_map_from_to(y, x)
    assert axis == 1
    np.testing.assert_array_equal(scale * 2 + shift, [7, 9])


def test_the_size_that_a_crop_follows_is_no_way():
    x, reference = data(), data(1, 3, 8, 8)
    with pytest.raises(UnconnectedError):
        coord_map_from_to(L.Crop(x, reference), reference)


def fcn(pad=100, kernel=7, stride=2):
    """A skeleton of a net for segmentation."""
    n = net_spec.NetSpec()
    n.data = data(1, 1, 50, 61)
    n.conv = L.Convolution(n.data, num_output=2, kernel_size=kernel, pad=pad)
    n.pool = L.Pooling(n.conv, kernel_size=stride, stride=stride)
    n.up = L.Deconvolution(n.pool, num_output=1, kernel_size=2 * stride, stride=stride)
    return n


@pytest.mark.parametrize("pad", [30, 100])
def test_crop_puts_one_over_the_other(pad):
    """An impulse comes out where it went in."""
    n = fcn(pad, stride=4)
    n.score = crop(n.up, n.data)
    net = Net(n.to_proto())
    assert net.blobs["score"].shape == (1, 1, 50, 61)
    params = {step.name: step.layer.blobs for step in net.steps}
    for name in ("conv", "up"):
        params[name][0].data[...] = 1
    net.blobs["data"].data[...] = 0
    net.blobs["data"].data[0, 0, 21, 34] = 1
    net.forward()
    rows, columns = np.nonzero(net.blobs["score"].data[0, 0])
    assert abs(rows.mean() - 21) <= 1.5  # pooled by fours
    assert abs(columns.mean() - 34) <= 1.5


def test_what_crop_defines():
    n = fcn(pad=10)
    top = crop(n.up, n.data)
    assert top.fn.type_name == "Crop"
    assert top.fn.inputs == (n.up, n.data)
    assert top.fn.params == {"crop_param": {"axis": 2, "offset": [8]}}


def test_crop_of_the_same_size():
    x = data()
    assert crop(L.ReLU(x), x).fn.params == {"crop_param": {"axis": 2, "offset": [0]}}


def test_scales_that_are_one_but_for_rounding():
    x = data()
    up = L.Deconvolution(L.Pooling(x, kernel_size=49, stride=49), kernel_size=99, stride=49)
    assert (1 / 49) * 49 != 1
    assert crop(up, x).fn.params["crop_param"]["offset"] == [25]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pool": 3}, "scale mismatch on crop"),
        ({"pad": 10}, "cannot crop negative width"),
        ({"kernel": 5}, r"cannot crop noninteger width \(b = \[-1\.5\]\)"),
    ],
)
def test_crop_refuses(fields, message):
    x = data()
    y = L.Pooling(x, kernel_size=fields.get("pool", 2), stride=fields.get("pool", 2))
    z = L.Deconvolution(y, kernel_size=fields.get("kernel", 4), stride=2, pad=fields.get("pad", 0))
    with pytest.raises(AssertionError, match=message) as caught:
        crop(z, x)
    assert isinstance(caught.value, CropError)
    assert isinstance(caught.value, MinicaffeError)


def test_unconnected():
    x = data()
    y = L.InnerProduct(L.Convolution(x, kernel_size=3), num_output=10)
    with pytest.raises(RuntimeError, match=r"are they connected by spatial layers.*InnerProduct"):
        coord_map_from_to(y, x)
    with pytest.raises(UnconnectedError, match="ended at layers without bottoms"):
        coord_map_from_to(x, data())


def test_global_pooling_is_no_way():
    x = data()
    y = L.Pooling(x, global_pooling=True)
    with pytest.raises(UndefinedMapException, match="global_pooling"):
        coord_map(y.fn)
    with pytest.raises(RuntimeError):
        coord_map_from_to(y, x)


def test_an_undefined_map():
    with pytest.raises(UndefinedMapException, match="InnerProduct does not keep coordinates"):
        coord_map(L.InnerProduct(data()).fn)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: L.Convolution(L.Convolution(x, kernel_size=3), kernel_size=3, axis=2),
        lambda x: L.Crop(L.Convolution(x, kernel_size=3), x, axis=3),
        lambda x: L.Convolution(x, kernel_size=[3, 3, 3], stride=[1, 1]),
        lambda x: L.Convolution(L.Convolution(x, kernel_size=[3, 3, 3]), kernel_size=[3, 3]),
    ],
)
def test_axes_that_do_not_match(build):
    x = data()
    with pytest.raises(AxisMismatchException, match="expected the same"):
        coord_map_from_to(build(x), x)


def test_no_kernel():
    x = data()
    for y in (L.Convolution(x), L.Pooling(x), L.Convolution(x, kernel_h=3)):
        with pytest.raises(LayerConfigError, match="has no kernel_size"):
            coord_map_from_to(y, x)


def test_compose_and_inverse():
    base, following = (None, 1, 0), (1, np.array([2.0, 4.0]), np.array([-1.0, 3.0]))
    assert compose(base, following)[0] == compose(following, base)[0] == 1
    both = compose((1, 10, 1), following)
    assert at(both, 5).tolist() == [10 * 9 + 1, 10 * 23 + 1]
    back = inverse(following)
    np.testing.assert_allclose(at(back, at(following, 5)), [5, 5])
