from __future__ import annotations

import sys
from types import ModuleType

import cv2
import numpy as np
import pytest

from minicaffe.detector import Detector
from minicaffe.errors import ArrayError, MinicaffeError
from minicaffe.io import ImageFileError, load_image, resize_image
from minicaffe.pycaffe.net import Net
from tests import linear_net

MEAN = np.array([10.0, 20.0, 30.0])
OPTIONS = {"mean": MEAN, "input_scale": 0.5, "raw_scale": 255, "channel_swap": (2, 0, 1)}
WINDOWS = [(0, 0, 9, 7), (3, 2, 5, 6), (1, 4, 9, 12)]


def made(folder, shape=(2, 3, 8, 8), **options):
    model, trained, scores = linear_net.make(folder, shape)
    return Detector(model, trained, **options), scores


def by_hand(window, scores):
    x = window.astype(np.float64)[..., [2, 0, 1]] * 255
    return scores(((x - MEAN) * 0.5).transpose(2, 0, 1)[np.newaxis])[0]


@pytest.fixture
def files(tmp_path, rng):
    """Two images."""
    names = []
    for index, shape in enumerate([(11, 14, 3), (20, 17, 3)]):
        names.append(str(tmp_path / f"{index}.png"))
        cv2.imwrite(names[-1], rng.integers(0, 256, shape, np.uint8))
    return names


def test_windows_are_warped_and_classified(tmp_path, files):
    detector, scores = made(tmp_path, **OPTIONS)
    given = [(files[0], WINDOWS), (files[1], WINDOWS[1:])]
    found = detector.detect_windows(given)
    assert [each["window"] for each in found] == WINDOWS + WINDOWS[1:]
    assert [each["filename"] for each in found] == [files[0]] * 3 + [files[1]] * 2
    for each in found:
        top, left, bottom, right = each["window"]
        window = load_image(each["filename"])[top:bottom, left:right]
        expected = by_hand(resize_image(window, (8, 8)), scores)
        np.testing.assert_allclose(each["prediction"], expected, rtol=1e-4, atol=0.01)


def test_windows_by_iterators(tmp_path, files):
    detector, _ = made(tmp_path)
    lists = [np.array(WINDOWS), np.array(WINDOWS, float)]
    found = detector.detect_windows(zip(files, map(iter, lists), strict=True))
    assert len(found) == 6
    np.testing.assert_array_equal(found[5]["window"], WINDOWS[2])


def test_no_windows(tmp_path, files):
    assert made(tmp_path)[0].detect_windows([(files[0], [])]) == []


def test_it_is_a_net(tmp_path):
    detector, _ = made(tmp_path, (1, 3, 6, 8))
    assert isinstance(detector, Net)
    assert detector.crop_dims.tolist() == [6, 8, 3]
    assert detector.context_pad is None


def test_gray_nets_get_gray_windows(tmp_path, files):
    detector, scores = made(tmp_path, (2, 1, 4, 5))
    found = detector.detect_windows([(files[0], [(2, 3, 6, 8)])])
    window = load_image(files[0], color=False)[2:6, 3:8]
    np.testing.assert_allclose(
        found[0]["prediction"], scores(window.transpose(2, 0, 1)[np.newaxis])[0], atol=1e-4
    )


def with_context(im, window, crop, pad, around):
    """As the original computes it, for a square of ``crop``; ``around`` where there is no image."""
    box = np.array(window, float)
    half = (box[2:] - box[:2] + 1) / 2
    center = box[:2] + half
    half = half * crop / (crop - 2 * pad)
    box = np.round(np.concatenate([center - half, center + half]))
    factor = crop / (box[2:] - box[:2] + 1)
    start = np.round(np.maximum(0, -box[:2]) * factor).astype(int)
    box = np.clip(box, 0, [*im.shape[:2], *im.shape[:2]]).astype(int)
    size = np.round((box[2:] - box[:2] + 1) * factor).astype(int)
    size = np.minimum(size, crop - start)
    result = np.ones((crop, crop, 3), np.float32) * around
    part = resize_image(im[box[0] : box[2], box[1] : box[3]], size)
    result[start[0] : start[0] + size[0], start[1] : start[1] + size[1]] = part
    return result


@pytest.mark.parametrize("pad", [1, 2, 3])
@pytest.mark.parametrize(
    "window", [(3, 4, 9, 11), (0, 0, 5, 5), (6, 9, 11, 14), (0, 0, 11, 14), (-2, 5, 4, 20)]
)
def test_context(tmp_path, rng, window, pad):
    detector, _ = made(tmp_path, context_pad=pad, **OPTIONS)
    around = (MEAN / 255)[[1, 2, 0]]
    im = rng.random((11, 14, 3)).astype(np.float32)
    result = detector.crop(im, window)
    np.testing.assert_allclose(result, with_context(im, window, 8, pad, around), atol=1e-6)
    assert result.shape == (8, 8, 3)


def test_what_is_around_the_image_is_zero_for_the_net(tmp_path, rng):
    detector, _ = made(tmp_path, context_pad=2, **OPTIONS)
    x = detector.transformer.preprocess("data", detector.crop(rng.random((4, 4, 3)), (0, 0, 4, 4)))
    np.testing.assert_allclose(x[:, 0], 0, atol=1e-4)
    assert abs(x[:, 4]).max() > 1


def test_a_mean_image_around(tmp_path, rng):
    mean = rng.random((3, 8, 8))
    detector, _ = made(tmp_path, context_pad=2, mean=mean, channel_swap=(2, 0, 1), raw_scale=2)
    expected = mean[[1, 2, 0]].transpose(1, 2, 0) / 2
    np.testing.assert_allclose(detector.crop_mean, expected, rtol=1e-6)


def test_without_a_mean_black_is_around(tmp_path):
    detector, _ = made(tmp_path, context_pad=2)
    np.testing.assert_array_equal(detector.crop_mean, np.zeros((8, 8, 3)))


def test_inputs_that_are_not_square(tmp_path, rng):
    detector, _ = made(tmp_path, (1, 3, 12, 8), context_pad=2)
    crop = detector.crop(np.ones((40, 40, 3)), (10, 10, 20, 20))
    np.testing.assert_array_equal(crop, np.ones((12, 8, 3)))


def test_context_by_configure_crop(tmp_path, files):
    detector, _ = made(tmp_path)
    plain = detector.detect_windows([(files[0], WINDOWS)])
    detector.configure_crop(3)
    wide = detector.detect_windows([(files[0], WINDOWS)])
    assert not np.allclose(plain[1]["prediction"], wide[1]["prediction"])
    detector.configure_crop(0)
    again = detector.detect_windows([(files[0], WINDOWS)])
    np.testing.assert_array_equal(plain[1]["prediction"], again[1]["prediction"])


@pytest.mark.parametrize("pad", [-1, 4, 9])
def test_a_context_that_leaves_no_window(tmp_path, pad):
    with pytest.raises(ArrayError, match=f"context_pad is {pad}, expected 0 or more"):
        made(tmp_path, context_pad=pad)


@pytest.mark.parametrize(
    ("window", "pad"),
    [
        ((5, 5, 5, 9), None),
        ((5, 9, 8, 3), None),
        ((20, 0, 30, 5), None),
        ((-1, 2, 5, 5), None),
        ((20, 0, 30, 5), 2),
        ((-8, 0, 0, 5), 2),
    ],
)
def test_windows_outside_of_the_image(tmp_path, window, pad):
    detector, _ = made(tmp_path, context_pad=pad)
    with pytest.raises(ArrayError, match=r"within the image, \(0, 0, 11, 14\)") as caught:
        detector.crop(np.zeros((11, 14, 3)), window)
    assert str(window) in str(caught.value)


def test_a_missing_image(tmp_path):
    with pytest.raises(ImageFileError, match="lost"):
        made(tmp_path)[0].detect_windows([(str(tmp_path / "lost.png"), WINDOWS)])


def test_selective_search_is_not_here(tmp_path, files):
    with pytest.raises(ImportError, match=r"expected it and MATLAB: .*detect_windows") as caught:
        made(tmp_path)[0].detect_selective_search(files)
    assert isinstance(caught.value, MinicaffeError)


def test_selective_search_that_is_here(tmp_path, files, monkeypatch):
    fake = ModuleType("selective_search_ijcv_with_python")
    fake.get_windows = lambda names, cmd: [WINDOWS[:1] for _ in names]
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    found = made(tmp_path)[0].detect_selective_search(iter(files))
    assert [each["filename"] for each in found] == files
    assert found[0]["window"] == WINDOWS[0]
