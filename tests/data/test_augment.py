"""Augmentation: how much chance does, that it does nothing else, and what is refused."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.augment import Augmentation, Draw, mixtures, refuse
from minicaffe.data.geometry import Size
from minicaffe.data.image import Layout
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TransformationParameter

MIDDLE = 0.5  # the chance at which there is nothing done
RESIZED = "crop_size: 5 resized_crop_min_area: 0.1 "


def definition(text):
    return text_format.Parse(text, TransformationParameter())


def augmentation(text):
    return Augmentation(definition(text))


def chances(rng, count):
    return rng.random((count, len(Draw)))


def parts(draw, value, count=1):
    """Chances at which nothing is done but for one draw."""
    found = np.full((count, len(Draw)), MIDDLE)
    found[:, draw] = value
    return found


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("mirror: true crop_size: 3 mean_value: 9", set()),
        (RESIZED, {"any", "resizes", "moves"}),
        ("rotation: 5", {"any", "moves"}),
        ("brightness: 0.1", {"any", "recolours"}),
        ("contrast: 0.1", {"any", "recolours"}),
        ("saturation: 0.1", {"any", "recolours"}),
        ("hue: 0.1", {"any", "recolours"}),
        ("cutout_size: 2", {"any"}),
    ],
)
def test_says_what_it_does(text, attributes):
    it = augmentation(text)
    assert {name for name in ("any", "resizes", "moves", "recolours") if getattr(it, name)} == (
        attributes
    )


def test_brightness_adds_up_to_its_share(rng):
    offset, contrast, mix = augmentation("brightness: 0.25").colours(chances(rng, 4000), 255)
    assert -63.75 <= offset.min() < -63
    assert 63 < offset.max() <= 63.75
    assert abs(offset.mean()) < 2
    assert (contrast == 1).all()
    assert (mix == np.eye(3)).all()


def test_contrast_multiplies_by_a_factor_around_one(rng):
    offset, contrast, _ = augmentation("contrast: 0.5").colours(chances(rng, 4000), 255)
    assert 0.5 <= contrast.min() < 0.51
    assert 1.49 < contrast.max() <= 1.5
    assert abs(contrast.mean() - 1) < 0.02
    assert (offset == 0).all()


@pytest.mark.parametrize(("chance", "factor"), [(0, 0.75), (0.5, 1), (0.75, 1.125)])
def test_saturation_multiplies_the_distance_from_grey(rng, chance, factor):
    mix = augmentation("saturation: 0.25").colours(parts(Draw.SATURATION, chance), 255)[2][0]
    colour = rng.random(3)
    grey = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]
    np.testing.assert_allclose(mix @ colour, grey + factor * (colour - grey))


@pytest.mark.parametrize(("chance", "angle"), [(0, -0.5), (0.5, 0), (0.75, 0.25)])
def test_hue_is_a_share_of_the_circle(chance, angle):
    mix = augmentation("hue: 0.5").colours(parts(Draw.HUE, chance), 255)[2]
    np.testing.assert_allclose(mix, mixtures(np.ones(1), np.array([angle])), atol=1e-12)


@pytest.mark.parametrize("thirds", [-1, 0, 1, 2])
def test_thirds_of_the_circle_exchange_channels_as_hsv_has_it(rng, thirds):
    red, green, blue = rng.random(3)
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    expected = colorsys.hsv_to_rgb((hue + thirds / 3) % 1, saturation, value)
    mix = mixtures(np.ones(1), np.array([thirds / 3]))[0]
    np.testing.assert_allclose(mix @ [blue, green, red], expected[::-1], atol=1e-12)


def test_hue_keeps_the_mean_and_the_distance_from_grey(rng):
    colour = rng.random(3)
    for mix in mixtures(np.ones(50), rng.random(50)):
        turned = mix @ colour
        assert turned.mean() == pytest.approx(colour.mean())
        assert np.linalg.norm(turned - turned.mean()) == pytest.approx(
            np.linalg.norm(colour - colour.mean())
        )


def test_saturation_goes_before_hue():
    grey = mixtures(np.zeros(1), np.array([0.2]))[0] @ [1, 0, 0]
    np.testing.assert_allclose(grey, [0.114] * 3)  # of blue, not of what blue is turned into


def test_grey_stays_grey(rng):
    for mix in mixtures(rng.random(50) * 2, rng.random(50)):
        np.testing.assert_allclose(mix @ [7, 7, 7], [7, 7, 7])


def test_colours_are_the_same_for_every_image_of_the_same_chances(rng):
    it = augmentation("brightness: 0.1 contrast: 0.2 saturation: 0.3 hue: 0.4")
    drawn = chances(rng, 6)
    for whole, part in zip(it.colours(drawn, 1), it.colours(drawn[2:4], 1), strict=True):
        np.testing.assert_array_equal(whole[2:4], part)


@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_is_a_square_that_may_reach_over_the_edge(rng, side):
    y = np.ones((8 * 11 * 20, 2, 8, 11), np.float32)
    drawn = chances(rng, len(y))
    drawn[:2, Draw.CUTOUT_ROW :] = [[0, 0], [1 - 1e-16, 1 - 1e-16]]
    augmentation(f"cutout_size: {side}").cut_out(drawn, y)
    middles = set()
    for n, image in enumerate(y):
        i, j = (drawn[n, Draw.CUTOUT_ROW :] * (8, 11)).astype(int)
        middles.add((i, j))
        expected = np.ones((8, 11))
        for row in range(i - side // 2, i - side // 2 + side):
            for column in range(j - side // 2, j - side // 2 + side):
                if 0 <= row < 8 and 0 <= column < 11:
                    expected[row, column] = 0
        assert expected[i, j] == 0
        np.testing.assert_array_equal(image, [expected, expected])
    assert len(middles) == 8 * 11
    lost = (y == 0).mean(axis=0)
    assert lost[:, 4, 5] == pytest.approx(side**2 / 88, rel=0.3)


def test_without_cutout_nothing_is_cut_out(rng):
    y = np.ones((3, 2, 8, 11), np.float32)
    augmentation("hue: 0.1").cut_out(chances(rng, 3), y)
    assert (y == 1).all()


LAYOUTS = [
    Layout(c, 9, 12, t, i) for c in (1, 3, 5) for t in (np.uint8, np.float32) for i in (0, 1)
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=repr)
def test_unturned_windows_are_crops(rng, layout):
    x = (rng.random((40, *layout.shape)) * 255).astype(layout.dtype)
    drawn = parts(Draw.TOP, rng.random(40), 40)
    y = augmentation("rotation: 30").move(layout, x, drawn, Size(4, 7))
    axis = 1 if layout.interleaved else 2
    for n in range(40):
        top = int(drawn[n, Draw.TOP] * 6)
        part = np.take(np.take(x[n], range(top, top + 4), axis - 1), range(3, 10), axis)
        np.testing.assert_array_equal(y[n], part)


@pytest.mark.parametrize("text", [RESIZED, "rotation: 40", RESIZED + "rotation: 40"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_layouts_agree(rng, text, channels):
    x = rng.integers(0, 256, (6, channels, 16, 13)).astype(np.uint8)
    drawn, size = chances(rng, 6), Size(5, 5)
    planar = augmentation(text).move(Layout(channels, 16, 13), x, drawn, size)
    interleaved = augmentation(text).move(
        Layout(channels, 16, 13, np.uint8, True), x.transpose(0, 2, 3, 1).copy(), drawn, size
    )
    assert planar.dtype == interleaved.dtype == np.uint8
    np.testing.assert_array_equal(planar, interleaved.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("text", [RESIZED, "rotation: 40", RESIZED + "rotation: 40"])
def test_bytes_and_floats_agree(rng, text):
    x = rng.integers(0, 256, (6, 3, 16, 13)).astype(np.uint8)
    drawn, size = chances(rng, 6), Size(5, 5)
    as_bytes = augmentation(text).move(Layout(3, 16, 13), x, drawn, size)
    as_floats = augmentation(text).move(
        Layout(3, 16, 13, np.float32), x.astype(np.float32), drawn, size
    )
    np.testing.assert_allclose(as_bytes, as_floats, atol=1.01)


def angles(text, drawn):
    """Of a bar, as ``move`` turned it: from where its pixels lie."""
    x = np.zeros((len(drawn), 1, 61, 61), np.float32)
    x[:, :, 29:32, 5:56] = 1
    y = augmentation(text).move(Layout(1, 61, 61, np.float32), x, drawn, Size(61, 61))[:, 0]
    down, right = np.mgrid[-30:31, -30:31]
    moments = [(y * p).sum(axis=(1, 2)) for p in (right**2, down**2, right * down)]
    return np.degrees(np.arctan2(-2 * moments[2], moments[0] - moments[1]) / 2)


def test_angles_are_uniform_and_counter_clockwise_where_chance_is_large(rng):
    drawn = chances(rng, 1500)
    found = angles("rotation: 40", drawn)
    np.testing.assert_allclose(found, drawn[:, Draw.ROTATION] * 80 - 40, atol=1)
    counts = np.histogram(found, bins=5, range=(-40.5, 40.5))[0]
    assert counts.min() > 300 * 0.8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RESIZED.replace("0.1", "-0.1"), "resized_crop_min_area is -0.1, expected 0 to 1: a share"),
        (RESIZED.replace("0.1", "1.5"), "resized_crop_min_area is 1.5, expected 0 to 1"),
        (RESIZED.replace("0.1", "nan"), "resized_crop_min_area is nan, expected 0 to 1"),
        (
            "resized_crop_min_area: 0.1",
            "resized_crop_min_area is given without crop_size, expected both",
        ),
        (
            RESIZED + "resized_crop_max_aspect: 0.9",
            "resized_crop_max_aspect is 0.9, expected at least 1",
        ),
        (RESIZED + "resized_crop_max_aspect: inf", "resized_crop_max_aspect is inf, expected"),
        (RESIZED + "resized_crop_max_aspect: nan", "resized_crop_max_aspect is nan, expected"),
        (
            "resized_crop_max_aspect: 2",
            "resized_crop_max_aspect is given without resized_crop_min_area, expected both",
        ),
        ("rotation: -1", "rotation is -1, expected 0 to 180: degrees"),
        ("rotation: 180.5", "rotation is 180.5, expected 0 to 180"),
        ("brightness: -0.1", "brightness is -0.1, expected 0 to 1"),
        ("contrast: 1.1", "contrast is 1.1, expected 0 to 1: factors"),
        ("saturation: 2", "saturation is 2, expected 0 to 1"),
        ("hue: 0.6", "hue is 0.6, expected 0 to 0.5: a share of the circle"),
        (
            RESIZED + 'mean_file: "m"',
            "mean_file is given with resized_crop_min_area, expected mean_value",
        ),
        ('rotation: 5 mean_file: "m"', "mean_file is given with rotation, expected mean_value"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(LayerConfigError, match=message):
        augmentation(text)


@pytest.mark.parametrize(
    ("text", "channels", "message"),
    [
        ("hue: 0.1", 1, r"hue is 0.1, expected 0: an image has 1 channel\(s\), which are not blue"),
        ("hue: 0.1", 4, "hue is 0.1, expected 0: an image has 4"),
        ("saturation: 0.25", 2, "saturation is 0.25, expected 0: an image has 2"),
        ("cutout_size: 9", 3, "cutout_size is 9, expected at most 8: .* is 8 x 11"),
    ],
)
def test_refuses_images(text, channels, message):
    with pytest.raises(LayerConfigError, match=message):
        augmentation(text).check(channels, Size(8, 11))


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("saturation: 0.5", 1),
        ("saturation: 0.5 hue: 0.5", 3),
        ("contrast: 1 brightness: 1", 7),
        ("cutout_size: 8", 2),
    ],
)
def test_takes_images(text, channels):
    augmentation(text).check(channels, Size(8, 11))


@pytest.mark.parametrize("text", ["rotation: 0", "cutout_size: 3", "resized_crop_max_aspect: 2"])
def test_refuses_where_it_is_not_read(text):
    name = text.partition(":")[0]
    with pytest.raises(LayerConfigError, match=f"^{name} is given, expected none: because$"):
        refuse(definition(text), "because")


def test_lets_pass_what_the_original_has():
    refuse(definition("mirror: true crop_size: 3 mean_value: 1 scale: 2 force_gray: true"), "")
