"""AnnotatedDecoder: pixels, objects and label of a record, and what is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.record import AnnotatedDecoder
from minicaffe.data.image import Layout
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum, TransformationParameter
from tests.data.annotated.records import record
from tests.data.databases import datum

OBJECTS = [
    (4, 0, (0.0, 0.1, 0.4, 0.5), False),
    (2, 7, (0.5, 0.5, 0.9, 1.0), True),
    (4, 1, (-0.25, 0.25, 0.75, 1.5), False),
]


def decode(made, text=""):
    raw = made if isinstance(made, bytes | memoryview) else made.SerializeToString()
    param = text_format.Parse(text, TransformationParameter())
    return AnnotatedDecoder("the db", param)(b"00000005", raw)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (3, 4, 5)).astype(np.uint8)


@pytest.mark.parametrize("encode", [False, True])
def test_colours_are_last(pixels, encode):
    found = decode(record(pixels, OBJECTS, encode=encode, label=9))
    np.testing.assert_array_equal(found.pixels, pixels.transpose(1, 2, 0))
    assert found.pixels.dtype == np.uint8
    assert found.pixels.flags.c_contiguous
    assert found.layout == Layout(3, 4, 5, np.uint8, interleaved=True)
    assert (found.label, found.has_boxes) == (9, True)


def test_objects_group_by_group(pixels):
    found = decode(record(pixels, OBJECTS)).objects
    assert found.labels.tolist() == [4, 4, 2]
    assert found.instances.tolist() == [0, 1, 7]
    assert found.difficult.tolist() == [False, False, True]
    boxes = [OBJECTS[index][2] for index in (0, 2, 1)]
    np.testing.assert_allclose(found.boxes, boxes, rtol=1e-6)  # none is cut off here


def test_no_object(pixels):
    found = decode(record(pixels))
    assert found.objects.boxes.shape == (0, 4)
    assert found.has_boxes


def test_boxes_have_to_be_announced(pixels):
    assert not decode(record(pixels, OBJECTS, boxes=False)).has_boxes
    assert AnnotatedDatum().type == AnnotatedDatum.BBOX  # what a missing type reads as


def test_one_channel_and_numbers_that_are_not_whole(rng):
    gray = rng.integers(0, 256, (1, 4, 5)).astype(np.uint8)
    found = decode(record(gray))
    np.testing.assert_array_equal(found.pixels[..., 0], gray[0])
    values = rng.standard_normal((2, 4, 5)).astype(np.float32)
    made = record(gray)
    made.datum.CopyFrom(datum(values))
    found = decode(made)
    np.testing.assert_array_equal(found.pixels, values.transpose(1, 2, 0))
    assert found.layout == Layout(2, 4, 5, np.float32, interleaved=True)


def test_files_are_forced_to_colour_or_to_gray(pixels):
    made = record(pixels, encode=True)
    expected = cv2.imdecode(np.frombuffer(made.datum.data, np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(decode(made, "force_gray: true").pixels[..., 0], expected)
    gray = record(pixels[:1], encode=True)
    assert decode(gray).pixels.shape == (4, 5, 1)
    forced = decode(gray, "force_color: true").pixels
    np.testing.assert_array_equal(forced, np.repeat(pixels[:1].transpose(1, 2, 0), 3, axis=2))
    with pytest.raises(LayerConfigError, match="force_color and force_gray are both set"):
        decode(made, "force_color: true force_gray: true")


def test_a_view_of_the_databases_memory_will_do(pixels):
    raw = record(pixels, OBJECTS).SerializeToString()
    assert decode(memoryview(raw)).objects.labels.tolist() == [4, 4, 2]


def of_boxes(*boxes):
    objects = [(1, n, box, False) for n, box in enumerate(boxes)]
    return record(np.zeros((3, 4, 5), np.uint8), objects)


def damaged():
    made = record(np.zeros((3, 4, 5), np.uint8), encode=True)
    made.datum.data = made.datum.data[:20]
    return made


def too_short():
    made = record(np.zeros((3, 4, 5), np.uint8))
    made.datum.data = made.datum.data[1:]
    return made


INSIDE = (0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (b"\x0a\xff", "2 bytes that are no AnnotatedDatum"),
        (datum(np.zeros((3, 4, 5), np.uint8)), "has no datum, .* is it a Datum, for Data"),
        (AnnotatedDatum(type=AnnotatedDatum.BBOX), "has no datum"),
        (of_boxes(INSIDE, (0, 0, float("nan"), 1)), "box 1 is not of finite numbers"),
        (of_boxes((0, float("-inf"), 1, 1), INSIDE), "box 0 is not of finite numbers"),
        (damaged(), "20 bytes is a damaged PNG"),
        (too_short(), "59 .*3 x 4 x 5|3 x 4 x 5.* 59"),
    ],
    ids=["junk", "datum", "no datum", "nan", "inf", "damaged", "too short"],
)
def test_refuses(made, says):
    with pytest.raises(DataError, match=rf"^the db \(00000005\): .*{says}"):
        decode(made)
