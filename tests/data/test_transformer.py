"""Transformer: against loops, where windows may lie, and what it refuses."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob_proto import array_to_proto
from minicaffe.data.augment import Draw, mixtures
from minicaffe.data.geometry import Size, Window, random_sides, resize, windows_of
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
        ("rotation: 5", True, 12),
        ("rotation: 5", False, 0),
        ("rotation: 5 mirror: true", False, 3),
    ],
)
def test_says_how_many_chances_it_needs(text, train, draws):
    assert transformer(text, train).draws == draws


COLOURS = "brightness: 0.25 contrast: 0.5 saturation: 0.5 hue: 0.25 "
RESIZED = "crop_size: 5 resized_crop_min_area: 0.1 resized_crop_max_aspect: 2 "
CASES = [
    COLOURS,
    RESIZED,
    "rotation: 30 crop_size: 5",
    "cutout_size: 4",
    RESIZED + COLOURS + "rotation: 90 cutout_size: 3",
]
BASE = " mirror: true scale: 0.5 mean_value: 100 mean_value: 110 mean_value: 120 "


@pytest.mark.parametrize("text", CASES)
def test_test_phase_is_as_without_augmentation(x, text):
    text = text if "crop_size" in text else "crop_size: 6 " + text
    found = transform(transformer(text + BASE), x, np.zeros((5, 3)))
    plain = f"crop_size: {5 if 'crop_size: 5' in text else 6} {BASE}"
    np.testing.assert_array_equal(found, transform(transformer(plain), x, np.zeros((5, 3))))


def test_chances_in_the_middle_change_nothing(x, mean_file):
    text = f'{COLOURS} crop_size: 5 mirror: true scale: 0.5 mean_file: "{mean_file[0]}"'
    it = transformer(text, train=True)
    chances = np.full((5, it.draws), 0.5)
    chances[:, :3] = [
        [0.2, 0.3, 0.9],
        [0.8, 0, 0],
        [0, 0.99, 0.99],
        [0.9, 0.5, 0.1],
        [0.1, 1e-9, 0],
    ]
    found = transform(it, x, chances)
    plain = transformer(text.removeprefix(COLOURS), train=True)
    np.testing.assert_array_equal(found, transform(plain, x, chances[:, :3]))


def test_a_rotation_by_nothing_is_a_random_crop(x):
    it = transformer(f"rotation: 30 crop_size: 5 {BASE}", train=True)
    chances = np.full((5, it.draws), 0.5)
    chances[:, :3] = [
        [0.2, 0.3, 0.9],
        [0.8, 0, 0],
        [0, 0.99, 0.99],
        [0.9, 0.5, 0.1],
        [0.1, 1e-9, 0],
    ]
    plain = transformer(f"crop_size: 5 {BASE}", train=True)
    np.testing.assert_array_equal(transform(it, x, chances), transform(plain, x, chances[:, :3]))


def test_resized_crops_show_the_window_that_chance_has_taken(x):
    it = transformer(RESIZED + BASE, train=True)
    chances = np.random.default_rng(8).random((5, it.draws))
    sides = random_sides(Size(8, 11), chances[:, Draw.AREA], chances[:, Draw.ASPECT], 0.1, 2)
    windows = windows_of(Size(8, 11), sides, chances[:, [Draw.TOP, Draw.LEFT]]).tolist()
    expected = np.empty((5, 3, 5, 5), np.uint8)
    for image, window, planes in zip(x, windows, expected, strict=True):
        for source, target in zip(image, planes, strict=True):
            resize(source, Window(*window), target)
    plain = transform(transformer(BASE), expected, chances[:, :3], Layout(3, 5, 5))
    np.testing.assert_array_equal(transform(it, x, chances), plain)


def test_order_of_all_operations(rng):
    """A whole square image, turned by a quarter: so that each value can be followed."""
    x = rng.integers(0, 256, (1, 3, 8, 8)).astype(np.uint8)
    text = BASE + COLOURS + "rotation: 180 cutout_size: 2 crop_size: 8"
    it = transformer(text, train=True)
    chances = np.array([[0.1, 0, 0, 0, 0, 0.75, 0.9, 0.2, 0.7, 0.8, 0.5, 0.25]])
    found = transform(it, x, chances, Layout(3, 8, 8))
    turned = np.rot90(x[0], axes=(1, 2)).astype(np.float64)
    mix = mixtures(np.array([1 + 0.4 * 0.5]), np.array([0.6 * 0.25]))[0]
    m, offset = turned.mean(), 0.8 * 0.25 * 255
    pixels = 0.7 * np.einsum("ck,khw->chw", mix, turned - m) + m + offset
    expected = (pixels[..., ::-1] - np.array([100, 110, 120]).reshape(3, 1, 1)) * 0.5
    expected[:, 3:5, 1:3] = 0
    np.testing.assert_allclose(found[0], expected, atol=1e-10)


def test_a_mean_image_keeps_its_place_when_colours_change(x, mean_file):
    path, mean = mean_file
    it = transformer(f'brightness: 0.5 crop_size: 5 mirror: true mean_file: "{path}"', train=True)
    chances = np.full((5, it.draws), 0.75)
    chances[:, 0] = [0, 1, 0, 1, 0]
    found = transform(it, x, chances)
    for n in range(5):
        expected = (x[n] + 63.75 - mean)[:, 3:8, 5:10]
        expected = expected[..., ::-1] if n % 2 == 0 else expected
        np.testing.assert_allclose(found[n], expected, atol=1e-10)


def test_brightness_of_floats_is_a_share_of_their_largest():
    x = np.zeros((2, 1, 2, 3), np.float32)
    x[0, 0, 1, 2], x[1, 0, 0, 0] = 2, -8
    it = transformer("brightness: 0.5", train=True)
    found = transform(it, x, np.full((2, it.draws), 1 - 2**-30), Layout(1, 2, 3, np.float32))
    np.testing.assert_allclose(found - x, np.array([1, 4]).reshape(2, 1, 1, 1) * np.ones(x.shape))


def resized_crops(rng, layout, count):
    it = transformer(RESIZED + BASE, train=True)
    x = (rng.random((count, *layout.shape)) * 255).astype(layout.dtype)
    return transform(it, x, rng.random((count, it.draws)), layout)


def test_a_resized_crop_may_be_larger_than_the_image(rng):
    assert resized_crops(rng, Layout(3, 3, 4), 2).shape == (2, 3, 5, 5)


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_batches_are_the_sum_of_their_images_in_any_thread(rng, text, interleaved, dtype):
    layout = Layout(3, 8, 11, dtype, interleaved)
    it = transformer(text + BASE, train=True, dtype=np.float32)
    x = (rng.random((24, *layout.shape)) * 255).astype(dtype)
    chances = rng.random((24, it.draws))
    whole = transform(it, x, chances, layout)
    assert np.isfinite(whole).all()

    def part(n):
        return transform(it, x[n : n + 1], chances[n : n + 1], layout)

    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(np.concatenate(list(pool.map(part, range(24)))), whole)


@pytest.mark.parametrize("text", CASES)
def test_bytes_and_floats_agree(rng, text):
    x = rng.integers(0, 256, (6, *LAYOUT.shape)).astype(np.uint8)
    it = transformer(text + BASE.replace("0.5", "1"), train=True)
    chances = rng.random((6, it.draws))
    chances[:, Draw.BRIGHTNESS] = 0.5
    as_bytes = transform(it, x, chances)
    as_floats = transform(it, x.astype(np.float32), chances, LAYOUT._replace(dtype=np.float32))
    np.testing.assert_allclose(as_bytes, as_floats, atol=3)


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_numbers_of_channels(rng, channels, interleaved):
    text = RESIZED + "rotation: 10 brightness: 0.1 contrast: 0.1 cutout_size: 2"
    it = transformer(text, train=True)
    layout = Layout(channels, 8, 11, np.uint8, interleaved)
    x = rng.integers(0, 256, (3, *layout.shape)).astype(np.uint8)
    assert transform(it, x, rng.random((3, 12)), layout).shape == (3, channels, 5, 5)


@pytest.mark.parametrize(
    ("text", "layout", "message"),
    [
        ("crop_size: 9", LAYOUT, "crop_size is 9, expected at most 8: an image is 3 x 8 x 11"),
        (
            "mean_value: 1 mean_value: 2",
            LAYOUT,
            r"mean_value is given 2 times, expected once, or once for each of 3 channel\(s\)",
        ),
        ("hue: 0.1", Layout(1, 8, 11), "hue is 0.1, expected 0: an image has 1"),
        ("crop_size: 6 cutout_size: 7", LAYOUT, "cutout_size is 7, expected at most 6"),
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


def test_refuses_augmentation_that_makes_no_sense_in_any_phase():
    with pytest.raises(LayerConfigError, match="resized_crop_min_area is given without crop_size"):
        transformer("resized_crop_min_area: 0.1")


def test_test_phase_needs_images_as_large_as_the_crop():
    with pytest.raises(LayerConfigError, match="crop_size is 5, expected at most 4"):
        transformer(RESIZED).shape(Layout(3, 4, 11))


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
