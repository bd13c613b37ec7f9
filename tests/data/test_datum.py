"""DatumDecoder: raw, float and encoded Datums, and those that are damaged."""

from __future__ import annotations

import logging
import re

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.datum import DatumDecoder
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import Datum, TransformationParameter
from tests.data.databases import datum, encoded

SHAPE = (3, 4, 5)


def decode(record, text=""):
    decoder = DatumDecoder("db", text_format.Parse(text, TransformationParameter()))
    return decoder(
        b"00000003_cat", record if isinstance(record, bytes) else record.SerializeToString()
    )


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
    decoder = DatumDecoder("db", TransformationParameter(force_color=True))
    for _ in range(2):
        image = decoder(b"0", datum(x).SerializeToString())
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
    decoder = DatumDecoder("db", TransformationParameter())
    with pytest.raises(DataError, match=re.escape(r"db (\xffa): ")):
        decoder(b"\xffa", b"\xff\xff")
