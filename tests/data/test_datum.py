"""DatumDecoder: raw, float and encoded Datums, and those that are damaged."""

from __future__ import annotations

import logging
import re
import struct
import zlib

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.datum import LARGE, DatumDecoder
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import Datum, TransformationParameter
from tests.data.databases import datum, encoded

SHAPE = (3, 4, 5)


def decode(record, text=""):
    raw = record.SerializeToString() if isinstance(record, Datum) else record
    return decoder(text)(b"00000003_cat", raw)


def decoder(text=""):
    return DatumDecoder("db", text_format.Parse(text, TransformationParameter()))


def pixels(image):
    """(C, H, W) of ``image``."""
    array = np.frombuffer(image.data, image.layout.dtype).reshape(image.layout.shape)
    return array.transpose(2, 0, 1) if image.layout.interleaved else array


def picture(rng, *shape):
    return rng.integers(0, 256, shape).astype(np.uint8)


def test_uint8(rng):
    x = picture(rng, *SHAPE)
    image = decode(datum(x, 7))
    assert (image.label, image.layout[:3], image.layout.dtype) == (7, SHAPE, np.uint8)
    np.testing.assert_array_equal(pixels(image), x)


def test_float_data(rng):
    x = rng.standard_normal(SHAPE).astype(np.float32)
    image = decode(datum(x, -2))
    assert (image.label, image.layout.dtype) == (-2, np.float32)
    np.testing.assert_array_equal(pixels(image), x)


def test_uint8_goes_before_float_data(rng):
    both = datum(picture(rng, *SHAPE))
    both.float_data.extend([0.5] * 60)
    assert decode(both).layout.dtype is np.uint8


@pytest.mark.parametrize("labels", [[0.5], [1.5, -2, 3]])
def test_float_label_goes_before_label(rng, labels):
    both = datum(picture(rng, *SHAPE), 7)
    both.float_label.extend(labels)
    label = decode(both).label
    assert label.dtype == np.float32
    np.testing.assert_array_equal(label, labels)


LARGE_SHAPE = (3, 80, 90)


@pytest.mark.parametrize("shape", [SHAPE, LARGE_SHAPE])
@pytest.mark.parametrize("wrap", [bytes, memoryview])
@pytest.mark.parametrize("more", [{}, {"label": 300}, {"label": 5, "float_label": [0.5, 2]}])
def test_large_ones_and_views(rng, shape, wrap, more):
    x = picture(rng, *shape)
    made = datum(x, 0)
    made.MergeFrom(Datum(**more))
    record = wrap(made.SerializeToString())
    image = decode(record)
    np.testing.assert_array_equal(pixels(image), x)
    expected = made.float_label or made.label
    np.testing.assert_array_equal(image.label, expected)
    np.testing.assert_array_equal(decoder().label(b"0", record), expected)


def test_a_large_one_with_its_fields_in_any_order(rng):
    x = picture(rng, *LARGE_SHAPE)
    whole = datum(x, 300)
    parts = [Datum(**{name: getattr(whole, name)}) for name in ("label", "width", "data")]
    parts += [Datum(height=80), Datum(channels=3), Datum(encoded=False)]
    for _ in range(6):
        parts.append(parts.pop(0))
        image = decode(b"".join(part.SerializeToString() for part in parts))
        assert image.label == 300
        np.testing.assert_array_equal(pixels(image), x)


def test_data_given_twice_is_the_last(rng):
    x = picture(rng, *LARGE_SHAPE)
    twice = Datum(data=bytes(20_000)).SerializeToString() + datum(x, 3).SerializeToString()
    np.testing.assert_array_equal(pixels(decode(twice)), x)


def test_a_large_encoded_one(rng):
    x = picture(rng, 100, 90, 3)  # noise, which PNG cannot make smaller
    file = cv2.imencode(".png", x)[1].tobytes()
    record = memoryview(encoded(file, 4).SerializeToString())
    assert len(record) > LARGE
    image = decode(record)
    assert image.label == decoder().label(b"0", record) == 4
    np.testing.assert_array_equal(pixels(image), x.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [1, 5, 8, 20_000, 21_600])
def test_refuses_a_large_one_that_is_cut_short(rng, size):
    record = datum(picture(rng, *LARGE_SHAPE), 300).SerializeToString()[:-size]
    with pytest.raises(DataError, match=r"^db \(00000003_cat\): "):
        decode(record)
    with pytest.raises(DataError, match=r"^db \(0\): .* bytes that are no Datum"):
        decoder().label(b"0", b"\x22" + record)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("shape", "text", "flag"),
    [
        ((6, 7, 3), "", cv2.IMREAD_UNCHANGED),
        ((6, 7), "", cv2.IMREAD_UNCHANGED),
        ((6, 7), "force_color: true", cv2.IMREAD_COLOR),
        ((6, 7, 3), "force_color: true", cv2.IMREAD_COLOR),
        ((6, 7, 3), "force_gray: true", cv2.IMREAD_GRAYSCALE),
    ],
)
def test_encoded_is_what_opencv_makes_of_it(rng, suffix, shape, text, flag):
    file = cv2.imencode(suffix, picture(rng, *shape))[1]
    expected = cv2.imdecode(file, flag)
    expected = expected[None] if expected.ndim == 2 else expected.transpose(2, 0, 1)
    image = decode(encoded(file.tobytes(), 4), text)
    assert image.label == 4
    np.testing.assert_array_equal(pixels(image), expected)


def test_encoded_is_bgr(rng):
    blue = np.zeros((2, 3, 3), np.uint8)
    blue[:, :, 0] = 200  # OpenCV writes what it is given as BGR
    image = decode(encoded(cv2.imencode(".png", blue)[1].tobytes()))
    assert [plane.max() for plane in pixels(image)] == [200, 0, 0]


def test_encoded_with_transparency_has_four_channels(rng):
    x = picture(rng, 4, 5, 4)
    file = cv2.imencode(".png", x)[1].tobytes()
    np.testing.assert_array_equal(pixels(decode(encoded(file))), x.transpose(2, 0, 1))
    assert decode(encoded(file), "force_color: true").layout.channels == 3


def test_force_color_leaves_raw_data_alone_and_says_so_once(rng, caplog):
    x = picture(rng, 1, 4, 5)
    it = decoder("force_color: true")
    for _ in range(2):
        image = it(b"0", datum(x).SerializeToString())
    np.testing.assert_array_equal(pixels(image), x)
    messages = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert messages == ["force_color and force_gray only for encoded datum"]


def test_refuses_both_forces():
    with pytest.raises(LayerConfigError, match="force_color and force_gray are both set"):
        decode(b"", "force_color: true force_gray: true")


def image_file(suffix, dtype=np.uint8):
    x = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(dtype)
    return cv2.imencode(suffix, x)[1].tobytes()


JPEG, PNG = image_file(".jpg"), image_file(".png")
HEAD = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
HUGE = PNG[:12] + HEAD + struct.pack(">I", zlib.crc32(HEAD)) + PNG[33:]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"\xff\xff\xff\xff", "4 bytes that are no Datum: damaged?"),
        (b"", "Datum has neither data nor float_data, expected one of them"),
        (Datum(channels=3, height=4, width=5, label=1), "Datum has neither data nor float_data"),
        (
            Datum(channels=3, height=4, width=5, data=bytes(59)),
            "Datum holds 59 bytes, expected 3 x 4 x 5",
        ),
        (
            Datum(channels=3, height=4, width=5, float_data=[0.5] * 61),
            "Datum holds 61 values, expected 3 x 4 x 5",
        ),
        (Datum(channels=1, height=2, width=2, data=JPEG), "look like a JPEG file, but encoded is"),
        (Datum(channels=1, height=2, width=2, data=PNG), "look like a PNG file, but encoded is"),
        (encoded(b""), "encoded image of 0 bytes is no image that OpenCV knows"),
        (encoded(b"GIF? no" * 9), "encoded image of 63 bytes is no image that OpenCV knows"),
        (encoded(JPEG[:300]), "encoded image of 300 bytes is a damaged JPEG"),
        (encoded(PNG[: len(PNG) // 2]), "is a damaged PNG"),
        (encoded(HUGE), "is a damaged PNG"),
        (
            encoded(image_file(".png", np.uint16)),
            "encoded image has uint16 pixels, expected uint8",
        ),
    ],
)
def test_refuses_a_damaged_record(record, message):
    with pytest.raises(DataError, match=r"^db \(00000003_cat\): .*" + re.escape(message)):
        decode(record)


def test_a_key_that_is_no_text_can_be_named():
    with pytest.raises(DataError, match=re.escape(r"db (\xffa): ")):
        decoder()(b"\xffa", b"\xff\xff")
