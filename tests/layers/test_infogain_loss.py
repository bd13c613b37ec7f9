"""InfogainLoss: against its formula, its gradients, its matrix, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob_proto import array_to_proto
from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.proto.minicaffe_pb2 import BlobProto, Datum
from minicaffe.testing import check_gradient
from tests.build import build

LAYOUTS = {  # scores, labels, infogain_loss_param
    "rows": ((4, 5), (4,), ""),
    "column of labels": ((4, 5), (4, 1, 1, 1), ""),
    "spatial": ((2, 5, 3, 4), (2, 1, 3, 4), "axis: 1"),
    "last axis": ((2, 3, 5), (2, 3), "axis: -1"),
    "first axis": ((5, 3), (3,), "axis: 0"),
}
DIVISORS = {
    "": "VALID",
    "normalization: VALID": "VALID",
    "normalization: FULL": "FULL",
    "normalization: BATCH_SIZE": "BATCH_SIZE",
    "normalization: NONE": "NONE",
}


def text(infogain="", loss="", rest=""):
    return (
        f'type: "InfogainLoss" infogain_loss_param {{ {infogain} }} loss_param {{ {loss} }} {rest}'
    )


def reference(x, label, matrix, axis=1, mode="VALID", ignore=None):
    """The loss, and the softmax."""
    x = np.moveaxis(x, axis, -1)
    prob = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    lost, kept = 0.0, 0
    for row, index in zip(prob.reshape(-1, x.shape[-1]), label.reshape(-1), strict=True):
        if int(index) != ignore:
            kept += 1
            for c, p in enumerate(row):
                lost -= matrix.reshape(len(row), -1)[int(index), c] * np.log(p)
    outer = int(np.prod(np.moveaxis(prob, -1, axis).shape[: axis % x.ndim]))
    divisors = {"VALID": kept, "FULL": label.size, "BATCH_SIZE": outer, "NONE": 1}
    return lost / max(1, divisors[mode]), np.moveaxis(prob, -1, axis)


def inputs(rng, layout):
    """Scores, labels and a matrix, not symmetric, with zeros and a negative in it."""
    scores, labels, _ = LAYOUTS[layout]
    label = rng.integers(0, 5, labels).astype(float)
    label.reshape(-1)[:3] = 2, 0, 4
    matrix = rng.random((1, 1, 5, 5)) * 2 - 0.5
    matrix[0, 0, 2, 1] = matrix[0, 0, 4, 4] = 0
    return rng.standard_normal(scores) * 2, label, matrix


@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize("loss", DIVISORS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_reference(device, rng, layout, loss, ignore, tops):
    arrays = inputs(rng, layout)
    fields = loss if ignore is None else f"{loss} ignore_label: {ignore}"
    layer, bottom, top = build(text(LAYOUTS[layout][2], fields), device, *arrays, tops=tops)
    layer.run_forward(bottom, top)
    axis = layer.param.infogain_loss_param.axis
    expected, prob = reference(*arrays, axis, DIVISORS[loss], ignore)
    assert top[0].shape == ()
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)
    if tops == 2:
        np.testing.assert_allclose(device.to_numpy(top[1].data), prob, rtol=1e-12)


@pytest.mark.parametrize("fields", ["", "ignore_label: 2", "normalization: NONE ignore_label: 0"])
@pytest.mark.parametrize("rest", ["", "loss_weight: 0.25"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout, rest, fields):
    built = build(text(LAYOUTS[layout][2], fields, rest), device, *inputs(rng, layout))
    check_gradient(*built, checked=[0])


@pytest.mark.parametrize("rest", ["", "loss_weight: [2, 3]"])
def test_gradient_of_both_tops(device, rng, rest):
    definition = text(LAYOUTS["spatial"][2], "ignore_label: 2", rest)
    check_gradient(*build(definition, device, *inputs(rng, "spatial"), tops=2), checked=[0])


@pytest.mark.parametrize("old_shape", [True, False])
def test_matrix_from_a_file(device, rng, tmp_path, old_shape):
    x, label, matrix = inputs(rng, "rows")
    proto = array_to_proto(matrix.astype(np.float32))
    if old_shape:
        proto.ClearField("shape")
        proto.num = proto.channels = 1
        proto.height = proto.width = 5
    path = tmp_path / "h.binaryproto"
    path.write_bytes(proto.SerializeToString())
    layer, bottom, top = build(text(f'source: "{path}"'), device, x, label)
    path.unlink()
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(
        device.to_numpy(top[0].data), reference(x, label, matrix)[0], rtol=1e-6
    )
    check_gradient(layer, bottom, top, checked=[0])


def test_a_third_bottom_goes_before_the_file_and_may_change(device, rng):
    x, label, matrix = inputs(rng, "rows")
    layer, bottom, top = build(text('source: "/none"'), device, x, label, matrix)
    layer.run_forward(bottom, top)
    bottom[2].data[...] = device.xp.asarray(matrix * 3 + 1)
    layer.run_forward(bottom, top)
    expected, _ = reference(x, label, matrix * 3 + 1)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)
    check_gradient(layer, bottom, top, checked=[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturates(device, dtype):
    x, matrix = np.array([[0.0, 1000, 0]]), np.array([[2.0, 1, 0], [0, 1, 0], [0, 0, 1]])
    layer, bottom, top = build(text(), device, x, np.array([0.0]), matrix, dtype=dtype)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), 2 * 46.0517, atol=1e-4)
    layer.run_backward(top, [True, False, False], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), [[-2, 2, 0]], atol=1e-6)


def test_nan_in_the_scores_is_nan_in_the_loss(device):
    x, matrix = np.array([[np.nan, 0, 1], [1, 2, 3]]), np.zeros((3, 3))
    layer, bottom, top = build(text(), device, x, np.array([1.0, 1]), matrix)
    layer.run_forward(bottom, top)
    assert np.isnan(device.to_numpy(top[0].data))


def test_all_ignored_is_zero(device, rng):
    x, _, matrix = inputs(rng, "rows")
    layer, bottom, top = build(text(loss="ignore_label: 255"), device, x, np.full(4, 255.5), matrix)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False, False], bottom)
    assert device.to_numpy(top[0].data) == 0
    assert (device.to_numpy(bottom[0].diff) == 0).all()


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [False, False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    layer.run_backward(top, [True, False, False], bottom)
    for blob in bottom[1:]:
        assert (device.to_numpy(blob.diff) == 7).all()


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    arrays = rng.standard_normal((3, 2, 4)), np.ones((3, 4)), rng.random((2, 2))
    for blob, array in zip(bottom, arrays, strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(*arrays)[0], rtol=1e-12)


def test_force_backward_reaches_the_scores_alone(device, rng):
    layer, _, _ = build(text(), device, *inputs(rng, "rows"))
    assert [layer.allow_force_backward(index) for index in (0, 1, 2)] == [True, False, False]


@pytest.mark.parametrize(("label", "found"), [(5, "5"), (-1, "-1"), (np.nan, "nan")])
def test_refuses_a_label_that_is_no_class(device, rng, label, found):
    x, labels, matrix = inputs(rng, "spatial")
    labels[1, 0, 0, 3] = label
    layer, bottom, top = build(text(), device, x, labels, matrix)
    message = rf"label {found} at row 1, position 3, expected 0\.\.4: bottom\[0\] has 5 class"
    with pytest.raises(ValueRangeError, match=message):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize("index", [1, 2])
def test_refuses_a_gradient_for_labels_or_matrix_when_run(device, rng, index):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=rf"propagate_down\[{index}\] is true, expected"):
        layer.run_backward(top, [True, index == 1, index == 2], bottom)


FILES = {
    "absent": (None, "no such file"),
    "empty": (b"", "is empty, expected a blob"),
    "text": (b"shape { dim: 5 dim: 5 }\n" * 9, "is text, expected a blob"),
    "an image": (
        Datum(channels=1, height=5, width=5, data=b"abc", label=3).SerializeToString(),
        r"is an image \(Datum\), expected a blob",
    ),
    "damaged": (
        BlobProto(num=1, channels=1, height=5, width=5, data=[1.0] * 24).SerializeToString(),
        "holds 24 values: the file is damaged",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_refuses_a_file_that_is_no_matrix(device, tmp_path, name):
    content, message = FILES[name]
    path = tmp_path / "h.binaryproto"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        LayerConfigError,
        match=rf"^layer 'it' \(InfogainLoss\): source cannot be read: .*h.binaryproto: .*{message}",
    ):
        build(text(f'source: "{path}"'), device, np.zeros((4, 5)), np.zeros(4))


def test_refuses_a_file_with_a_matrix_of_another_size(device, tmp_path):
    path = tmp_path / "h.binaryproto"
    path.write_bytes(array_to_proto(np.ones((4, 5), np.float32)).SerializeToString())
    with pytest.raises(
        ShapeError, match=r"h.binaryproto has shape \(4, 5\), 20 element\(s\), expected 5 x 5"
    ):
        build(text(f'source: "{path}"'), device, np.zeros((4, 5)), np.zeros(4))


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (4,)], LayerConfigError, "source is not given, expected a file, or a"),
        (text(), [(4, 5), (4,), (5, 4)], ShapeError, r"bottom\[2\] has shape \(5, 4\), 20 elem"),
        (text(), [(4, 5), (3,), (5, 5)], ShapeError, r"\(3,\), 3 label\(s\), expected 4"),
        (text("axis: 2"), [(4, 5), (4,), (5, 5)], ShapeError, "axis is 2, expected one of the 2"),
        (text(), [(4, 5)], BlobCountError, r"1 bottom blob\(s\), expected 2\.\.3"),
        (
            text(loss="normalize: true"),
            [(4, 5), (4,), (5, 5)],
            LayerConfigError,
            "normalize is given, expected normalization",
        ),
        (
            text(rest="propagate_down: [true, true, false]"),
            [(4, 5), (4,), (5, 5)],
            LayerConfigError,
            r"propagate_down\[1\] is true, expected false: bottom\[1\] holds labels",
        ),
        (
            text(rest="propagate_down: [true, false, true]"),
            [(4, 5), (4,), (5, 5)],
            LayerConfigError,
            r"propagate_down\[2\] is true, .* holds weights of the loss",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(InfogainLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
