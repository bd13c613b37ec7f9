"""HingeLoss: against counting loops, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.net import Net
from minicaffe.proto import minicaffe_pb2 as pb
from minicaffe.testing import check_gradient
from tests.build import build

LAYOUTS = {  # scores, labels
    "rows": ((4, 5), (4,)),
    "column of labels": ((4, 5), (4, 1, 1, 1)),
    "all axes are classes": ((3, 2, 4, 1), (3,)),
    "one class": ((3,), (3,)),
}


def text(norm="", rest=""):
    return f'type: "HingeLoss" hinge_loss_param {{ {norm} }} {rest}'


def reference(x, label, power):
    total = 0.0
    for row, index in zip(x.reshape(len(x), -1), label.reshape(-1), strict=True):
        for c, score in enumerate(row):
            right = 1 if c == int(index) else -1
            total += max(0.0, 1 - right * score) ** power
    return total / len(x)


def inputs(rng, layout):
    scores, labels = LAYOUTS[layout]
    x = rng.standard_normal(scores) * 2
    return x, rng.integers(0, np.prod(scores[1:]), labels).astype(float)


@pytest.mark.parametrize(("norm", "power"), [("", 1), ("norm: L1", 1), ("norm: L2", 2)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_reference(device, rng, layout, norm, power):
    x, label = inputs(rng, layout)
    layer, bottom, top = build(text(norm), device, x, label)
    layer.run_forward(bottom, top)
    assert top[0].shape == ()
    expected = reference(x, label, power)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize("rest", ["", "loss_weight: 0.25"])
@pytest.mark.parametrize("norm", ["norm: L1", "norm: L2"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout, norm, rest):
    check_gradient(*build(text(norm, rest), device, *inputs(rng, layout)), checked=[0])


@pytest.mark.parametrize(("norm", "slope"), [("L1", 0), ("L2", 0)])
def test_a_score_on_its_margin_has_no_gradient(device, norm, slope):
    x, label = np.array([[-1.0, 1, -1]]), np.array([1.0])
    layer, bottom, top = build(text(f"norm: {norm}"), device, x, label)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0
    assert (device.to_numpy(bottom[0].diff) == slope).all()


@pytest.mark.parametrize("norm", ["norm: L1", "norm: L2"])
def test_nan_in_the_scores_is_nan_in_the_loss(device, norm):
    x = np.array([[-9.0, 2, np.nan], [-9, 2, 0]])
    layer, bottom, top = build(text(norm), device, x, np.array([1.0, 1]))
    layer.run_forward(bottom, top)
    assert np.isnan(device.to_numpy(top[0].data))


def test_no_items_lose_nothing(device):
    layer, bottom, top = build(text(), device, np.zeros((0, 3)), np.zeros(0))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = bottom[1].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    layer.run_backward(top, [True, False], bottom)
    assert (device.to_numpy(bottom[1].diff) == 7).all()


@pytest.mark.parametrize(
    "untrained", ["loss_weight: 0", "propagate_down: false propagate_down: false"]
)
def test_does_not_spoil_the_gradient_of_others(device, rng, untrained):
    """Split adds up the diffs of all readers, those too that have no gradient to give."""

    def gradient(more):
        net = f"""
        force_backward: false
        layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ dim: [3, 4] }} }} }}
        layer {{ name: "t" type: "Input" top: "t" input_param {{ shape {{ dim: 3 }} }} }}
        layer {{ name: "w" type: "InnerProduct" bottom: "x" top: "w" inner_product_param {{
            num_output: 4 weight_filler {{ type: "constant" value: 0.5 }} }} }}
        layer {{ name: "a" type: "SoftmaxWithLoss" bottom: "w" bottom: "t" top: "a" }}
        {more}"""
        built = Net(text_format.Parse(net, pb.NetParameter()), pb.NetState(), device)
        built.blobs["x"].data[...] = device.xp.asarray(np.arange(12.0).reshape(3, 4))
        built.blobs["t"].data[...] = 1
        built.forward()
        built.clear_param_diffs()
        built.backward()
        layer = next(step.layer for step in built.steps if step.name == "w")
        return device.to_numpy(layer.blobs[0].diff).copy()

    hinge = f'layer {{ name: "h" type: "HingeLoss" bottom: "w" bottom: "t" top: "h" {untrained} }}'
    np.testing.assert_array_equal(gradient(hinge), gradient(""))


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    x, label = rng.standard_normal((3, 7)), np.array([6.0, 0, 2])
    for blob, array in zip(bottom, (x, label), strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, label, 1), rtol=1e-12)


def test_force_backward_reaches_the_scores_alone(device, rng):
    layer, _, _ = build(text(), device, *inputs(rng, "rows"))
    assert [layer.allow_force_backward(index) for index in (0, 1)] == [True, False]


@pytest.mark.parametrize(
    ("label", "found"), [(5, "5"), (-1, "-1"), (np.nan, "nan"), (np.inf, "inf"), (1e30, r"1e\+30")]
)
def test_refuses_a_label_that_is_no_class(device, rng, label, found):
    x, labels = inputs(rng, "rows")
    labels[2] = label
    layer, bottom, top = build(text(), device, x, labels)
    message = rf"label {found} at row 2, expected 0\.\.4: bottom\[0\] has 5 class"
    with pytest.raises(ValueRangeError, match=message):
        layer.run_forward(bottom, top)


def test_refuses_a_gradient_for_labels_when_run(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true, expected false"):
        layer.run_backward(top, [True, True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (3,)], ShapeError, r"\(3,\), expected \(4,\): bottom\[0\] has shape"),
        (text(), [(4, 5), (2, 2)], ShapeError, r"\(2, 2\), expected \(4,\)"),
        (text(), [(2, 5, 3), (2, 3)], ShapeError, r"each takes one label"),
        (text(), [(4, 0), (4,)], ShapeError, "expected a class for each item"),
        (text(), [(), (1,)], ShapeError, r"shape \(\), expected \(N, classes\)"),
        (text(), [(4, 5)], BlobCountError, r"1 bottom blob\(s\), expected 2"),
        (
            text(rest="propagate_down: true propagate_down: true"),
            [(4, 5), (4,)],
            LayerConfigError,
            r"propagate_down\[1\] is true, expected false: bottom\[1\] holds labels",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(HingeLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
