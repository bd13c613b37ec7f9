from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import MinicaffeError
from minicaffe.io import Transformer, resize_image

SWAP = (2, 0, 1)  # no inverse of itself


@pytest.fixture
def image(rng):
    return rng.random((4, 5, 3)).astype(np.float32)


def transformer(shape=(10, 3, 4, 5), name="data"):
    return Transformer({name: shape})


def whole(mean=None):
    """All steps."""
    made = transformer()
    made.set_transpose("data", (2, 0, 1))
    made.set_channel_swap("data", SWAP)
    made.set_raw_scale("data", 255)
    made.set_mean("data", np.array([104.0, 117.0, 123.0]) if mean is None else mean)
    made.set_input_scale("data", 0.25)
    return made


def by_hand(image, mean=None):
    x = image.astype(np.float64).transpose(2, 0, 1)[list(SWAP)] * 255
    mean = np.array([104.0, 117.0, 123.0])[:, None, None] if mean is None else mean
    return (x - mean) * 0.25


def test_all_steps_in_order(image):
    result = whole().preprocess("data", image)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, by_hand(image), atol=1e-4)


def test_nothing_is_set(image):
    np.testing.assert_array_equal(transformer((1, 4, 4, 5)).preprocess("data", image), image)


def test_other_sizes_are_resized(rng):
    large = rng.random((9, 8, 3)).astype(np.float32)
    result = whole().preprocess("data", large)
    np.testing.assert_allclose(result, by_hand(resize_image(large, (4, 5))), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_image_stays_as_it_is(image, dtype):
    image = (image * 255).astype(dtype)
    before = image.copy()
    made = transformer()
    made.set_raw_scale("data", 3)
    made.set_mean("data", np.ones(3))
    made.set_transpose("data", (2, 0, 1))
    made.preprocess("data", image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 5)])
def test_a_mean_image(image, rng, shape):
    made = transformer((1, shape[0], 4, 5))
    made.set_transpose("data", (2, 0, 1))
    mean = rng.random(shape)
    made.set_mean("data", mean)
    x = image[..., : shape[0]]
    np.testing.assert_allclose(made.preprocess("data", x), x.transpose(2, 0, 1) - mean, atol=1e-6)


def test_a_mean_of_two_axes(image, rng):
    made = transformer((1, 1, 4, 5))
    made.set_transpose("data", (2, 0, 1))
    mean = rng.random((4, 5))
    made.set_mean("data", mean)
    result = made.preprocess("data", image[..., :1])
    np.testing.assert_allclose(result[0], image[..., 0] - mean, atol=1e-6)


def test_a_mean_of_bytes(image):
    made = transformer()
    made.set_transpose("data", (2, 0, 1))
    made.set_mean("data", np.array([1, 2, 3], np.uint8))
    result = made.preprocess("data", image)
    np.testing.assert_allclose(result[2], image[..., 2] - 3, atol=1e-6)


@pytest.mark.parametrize("batch", [True, False])
def test_back_again(image, batch):
    made = whole()
    x = made.preprocess("data", image)
    before = x.copy()
    result = made.deprocess("data", x[np.newaxis] if batch else x)
    np.testing.assert_allclose(result, image, atol=1e-6)
    np.testing.assert_array_equal(x, before)


def test_back_again_from_one_channel(rng):
    image = rng.random((4, 5, 1)).astype(np.float32)
    made = transformer((1, 1, 4, 5))
    made.set_transpose("data", (2, 0, 1))
    made.set_mean("data", np.array([0.5]))
    x = made.preprocess("data", image)
    np.testing.assert_allclose(made.deprocess("data", x[np.newaxis]), image, atol=1e-6)
    made.transpose.clear()
    np.testing.assert_allclose(made.deprocess("data", x[np.newaxis]), image[..., 0], atol=1e-6)


def test_back_again_from_whole_numbers():
    made = transformer()
    made.set_input_scale("data", 2)
    result = made.deprocess("data", np.full((3, 4, 5), 5))
    np.testing.assert_array_equal(result, np.full((3, 4, 5), 2.5))


def test_what_is_set_can_be_read():
    made = whole()
    assert made.inputs == {"data": (10, 3, 4, 5)}
    assert made.transpose == {"data": (2, 0, 1)}
    assert made.channel_swap == {"data": SWAP}
    assert made.raw_scale == {"data": 255}
    assert made.input_scale == {"data": 0.25}
    assert made.mean["data"].shape == (3, 1, 1)


def test_shapes_may_be_lists(image):
    made = Transformer({"data": [1, 3, 4, 5], "other": [2]})
    made.set_mean("data", np.zeros((3, 4, 5)))
    made.set_transpose("data", [2, 0, 1])
    assert made.preprocess("data", image).shape == (3, 4, 5)


CALLS = {
    "preprocess": np.zeros((4, 5, 3)),
    "deprocess": np.zeros((3, 4, 5)),
    "set_transpose": (2, 0, 1),
    "set_channel_swap": (2, 1, 0),
    "set_raw_scale": 255,
    "set_mean": np.zeros(3),
    "set_input_scale": 1,
}


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_input(call):
    with pytest.raises(
        Exception, match=r"date is not one of the net inputs: .*did you mean 'data'"
    ) as caught:
        getattr(transformer(), call)("date", CALLS[call])
    assert isinstance(caught.value, MinicaffeError)


@pytest.mark.parametrize(
    ("call", "value", "message"),
    [
        ("set_transpose", (1, 0), "Transpose order needs to have the same number of dimensions"),
        ("set_transpose", (0, 1, 2, 3), "Transpose order needs to have the same number of dim"),
        ("set_transpose", (0, 1, 1), r"order is \(0, 1, 1\), expected each of 0..2 once"),
        ("set_channel_swap", (1, 0), "Channel swap needs to have the same number of dimensions"),
        ("set_channel_swap", (3, 2, 1), r"order is \(3, 2, 1\), expected channels of 0..2"),
        ("set_mean", np.zeros(4), "Mean channels incompatible with input"),
        ("set_mean", np.zeros(()), "Mean shape invalid"),
        ("set_mean", np.zeros((1, 3, 4, 5)), "Mean shape invalid"),
        ("set_mean", np.zeros((3, 8, 8)), "Mean shape incompatible with input shape"),
        ("set_mean", np.zeros((4, 5)), "Mean shape incompatible with input shape"),
        (
            "set_mean",
            np.zeros((4, 5, 3)),
            r"It is \(4, 5, 3\), expected \(3, 4, 5\): give the mean",
        ),
    ],
)
def test_refuses(call, value, message):
    made = transformer()
    with pytest.raises(ValueError, match=message) as caught:
        getattr(made, call)("data", value)
    assert isinstance(caught.value, MinicaffeError)
    assert not made.transpose | made.channel_swap | made.mean


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 5), r"has shape \(4, 5\), expected 3 axes, as the transpose \(2, 0, 1\) has"),
        ((4, 5, 1), r"has 1 channel\(s\), expected 3, as the channel swap"),
        ((4, 5, 4), r"has 4 channel\(s\), expected 3, as the channel swap"),
    ],
)
def test_an_image_that_does_not_fit(shape, message):
    with pytest.raises(ValueError, match=message):
        whole().preprocess("data", np.zeros(shape))


def test_an_image_with_other_channels_than_the_mean():
    made = transformer()
    made.set_transpose("data", (2, 0, 1))
    made.set_mean("data", np.zeros(3))
    with pytest.raises(ValueError, match=r"has 1 channel\(s\), expected 3, as the mean has"):
        made.preprocess("data", np.zeros((4, 5, 1)))
