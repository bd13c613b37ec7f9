from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.cli._image_inputs import find_inputs
from minicaffe.errors import DataError
from minicaffe.io import load_image


@pytest.fixture
def folder(tmp_path, rng):
    for name in ("b.png", "a.PNG", "c.bmp"):
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 256, (4, 5, 3), np.uint8))
    return tmp_path


@pytest.mark.parametrize("extension", ["png", ".png", "PNG"])
@pytest.mark.parametrize("color", [True, False])
def test_a_folder(folder, extension, color):
    inputs = find_inputs(str(folder), extension)
    assert inputs.names == [str(folder / name) for name in ("a.PNG", "b.png")]
    for index, name in enumerate(inputs.names):
        np.testing.assert_array_equal(inputs.load(index, color), load_image(name, color))


def test_a_file_of_any_extension(folder):
    assert find_inputs(str(folder / "c.bmp"), "jpg").names == [str(folder / "c.bmp")]


@pytest.mark.parametrize(("shape", "count"), [((4, 5, 3), 1), ((2, 4, 5, 3), 2)])
def test_arrays(tmp_path, rng, shape, count):
    path = tmp_path / "in.npy"
    np.save(path, array := rng.random(shape))
    inputs = find_inputs(str(path), "jpg")
    assert inputs.names == [f"{path} [{index}]" for index in range(count)]
    np.testing.assert_array_equal(inputs.load(count - 1, True), array.reshape(-1, 4, 5, 3)[-1])


@pytest.mark.parametrize("shape", [(), (4, 5), (0, 4, 5, 3), (1, 1, 4, 5, 3)])
def test_arrays_that_are_no_images(tmp_path, shape):
    np.save(tmp_path / "in.npy", np.zeros(shape))
    with pytest.raises(DataError, match=r"expected \(N, H, W, K\): images"):
        find_inputs(str(tmp_path / "in.npy"), "jpg")


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "in.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"in\.npy: cannot be read"):
        find_inputs(str(tmp_path / "in.npy"), "jpg")
