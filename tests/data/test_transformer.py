"""Transformer: against loops, where windows may lie, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob_proto import array_to_proto
from minicaffe.data.image import Layout
from minicaffe.data.transformer import Transformer, read_mean
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import BlobProto, TransformationParameter

LAYOUT = Layout(3, 8, 11)


def transformer(text="", train=False, dtype=np.float64):
    param = text_format.Parse(text, TransformationParameter())
    return Transformer(param, train=train, dtype=dtype)


def transform(it, x, chances=None, layout=LAYOUT):
    y = np.full((len(x), *it.shape(layout)), np.nan)
    it(layout, x, chances, y)
    return y


@pytest.fixture
def x(rng):
    return rng.integers(0, 256, (5, *LAYOUT.shape)).astype(np.uint8)


@pytest.fixture
def mean_file(tmp_path, rng):
    mean = (rng.random((1, 3, 8, 11)) * 255).astype(np.float32)
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(
        BlobProto(num=1, channels=3, height=8, width=11, data=mean.reshape(-1)).SerializeToString()
    )
    return path, mean[0].astype(np.float64)


def test_nothing_asked_for(x):
    it = transformer()
    assert it.draws == 0
    np.testing.assert_array_equal(transform(it, x), x)


def test_scale_is_as_float32_has_it(x):
    np.testing.assert_array_equal(
        transform(transformer("scale: 0.1"), x), x * np.float64(np.float32(0.1))
    )


def test_mean_values(x):
    one = transform(transformer("mean_value: 9.5 scale: 2"), x)
    np.testing.assert_array_equal(one, (x - 9.5) * 2)
    each = transform(transformer("mean_value: 9.5 mean_value: 0 mean_value: -3"), x)
    np.testing.assert_array_equal(each, x - np.array([9.5, 0, -3]).reshape(3, 1, 1))


def test_centre_crop_rounds_down(x):
    y = transform(transformer("crop_size: 5"), x)  # of 8 x 11: 3 and 6 left over
    np.testing.assert_array_equal(y, x[:, :, 1:6, 3:8])


def test_test_phase_crops_in_the_middle_whatever_the_chances(x):
    y = transform(transformer("crop_size: 5 mirror: true"), x, np.full((5, 3), 0.99))
    np.testing.assert_array_equal(y, x[:, :, 1:6, 3:8])


def test_mean_image_belongs_to_the_whole_image(x, mean_file):
    path, mean = mean_file
    y = transform(transformer(f'mean_file: "{path}" crop_size: 5 scale: 0.5'), x)
    np.testing.assert_array_equal(y, (x - mean)[:, :, 1:6, 3:8] * 0.5)


@pytest.mark.parametrize("train", [False, True])
def test_mirror_is_by_chance_in_both_phases(x, train):
    chances = np.array([[0.0, 0, 0], [0.49, 0, 0], [0.5, 0, 0], [0.99, 0, 0], [0.2, 0, 0]])
    y = transform(transformer("mirror: true", train), x, chances)
    for index, mirrored in enumerate([True, True, False, False, True]):
        np.testing.assert_array_equal(y[index], x[index, ..., ::-1] if mirrored else x[index])


def test_random_windows_reach_every_place_and_no_further(rng):
    layout = Layout(1, 4, 6)
    x = np.broadcast_to(np.arange(24, dtype=np.uint8).reshape(1, 4, 6), (3000, 1, 4, 6))
    it = transformer("crop_size: 3", train=True)
    chances = rng.random((3000, it.draws))
    chances[:2, 1:] = [[0, 0], [1 - 1e-16, 1 - 1e-16]]
    y = transform(it, np.ascontiguousarray(x), chances, layout)
    corners, counts = np.unique(y[:, 0, 0, 0], return_counts=True)
    assert corners.tolist() == [0, 1, 2, 3, 6, 7, 8, 9]
    assert counts.min() > 3000 / 8 * 0.8
    assert counts.max() < 3000 / 8 * 1.2


def test_a_crop_of_the_whole_image_in_train(x):
    it = transformer("crop_size: 8", train=True)
    y = transform(it, x[..., :8].copy(), np.full((5, 3), 0.999), Layout(3, 8, 8))
    np.testing.assert_array_equal(y, x[..., :8])


@pytest.mark.parametrize(
    ("text", "train", "draws"),
    [
        ("mirror: true", False, 3),
        ("crop_size: 3", True, 3),
        ("crop_size: 3", False, 0),
        ("scale: 2", True, 0),
    ],
)
def test_says_whether_it_needs_chances(text, train, draws):
    assert transformer(text, train).draws == draws


@pytest.mark.parametrize(
    ("text", "layout", "message"),
    [
        ("crop_size: 9", LAYOUT, "crop_size is 9, expected at most 8: an image is 3 x 8 x 11"),
        (
            "mean_value: 1 mean_value: 2",
            LAYOUT,
            r"mean_value is given 2 times, expected once, or once for each of 3 channel\(s\)",
        ),
        ("", Layout(0, 8, 11), "an image is 0 x 8 x 11, expected at least one pixel"),
        ("", Layout(3, -8, -11), "an image is 3 x -8 x -11"),
    ],
)
def test_refuses_images(text, layout, message):
    with pytest.raises(LayerConfigError, match=message):
        transformer(text).shape(layout)


@pytest.mark.parametrize("layout", [Layout(3, 11, 8), Layout(1, 8, 11), Layout(3, 8, 12)])
def test_refuses_images_that_the_mean_image_does_not_fit(mean_file, layout):
    it = transformer(f'mean_file: "{mean_file[0]}" crop_size: 3')
    with pytest.raises(LayerConfigError, match=f"is 3 x 8 x 11, expected {layout}, as the image"):
        it.shape(layout)


def test_refuses_two_means(mean_file):
    with pytest.raises(LayerConfigError, match="mean_file and mean_value are both given"):
        transformer(f'mean_file: "{mean_file[0]}" mean_value: 3')


def test_mean_file_with_a_shape(tmp_path, rng):
    mean = rng.random((3, 4, 5)).astype(np.float32)
    path = tmp_path / "mean"
    path.write_bytes(array_to_proto(mean).SerializeToString())
    np.testing.assert_array_equal(read_mean(str(path)), mean)


def test_refuses_a_missing_mean_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = f"^mean.bin: mean_file cannot be read: No such file .*, looked for in {tmp_path}"
    with pytest.raises(DataError, match=message):
        transformer('mean_file: "mean.bin"')


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\xff\xff\xff", "mean_file is no BlobProto"),
        (b"", "mean_file holds none, expected one image"),
        (
            BlobProto(num=2, channels=1, height=1, width=1, data=[1, 2]).SerializeToString(),
            re.escape("holds an array of shape (2, 1, 1, 1), expected one image (1, C, H, W)"),
        ),
        (
            BlobProto(num=1, channels=1, height=1, width=2, data=[1]).SerializeToString(),
            "mean_file is no BlobProto: .*damaged",
        ),
    ],
)
def test_refuses_a_mean_file_that_is_none(tmp_path, raw, message):
    (tmp_path / "mean").write_bytes(raw)
    with pytest.raises(DataError, match=message):
        transformer(f'mean_file: "{tmp_path / "mean"}"')
