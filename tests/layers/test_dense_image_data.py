"""DenseImageData: batches by hand, labels that stay on their pixels, resume, refusals."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.errors import DataError, LayerConfigError
from tests.layers.runs import Runs


@pytest.fixture
def run(device):
    runs = Runs(device, "DenseImageData")
    yield runs
    runs.close()


def image(number, shape=(6, 8)):
    """Blue tells the column, green the line, red the image; the label is 10 lines + columns."""
    lines, columns = np.mgrid[: shape[0], : shape[1]].astype(np.uint8)
    pixels = np.stack([columns, lines, np.full_like(lines, number)], axis=-1)
    return pixels, 10 * lines + columns


@pytest.fixture
def listed(tmp_path):
    """A list of five images of 6 x 8 and their labels."""
    return write(tmp_path, [image(number) for number in range(5)])


def write(folder, pairs):
    rows = []
    for number, (pixels, labels) in enumerate(pairs):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
        cv2.imwrite(str(folder / f"{number}_labels.png"), labels)
        rows.append(f"{number}.png  {number}_labels.png\n")
    (folder / "list.txt").write_text("".join(rows))
    return folder


def text(folder, fields="", more="", batch_size=2):
    return (
        f'dense_image_data_param {{ source: "{folder}/list.txt" root_folder: "{folder}/" '
        f"batch_size: {batch_size} {fields} }} loader_param {{ threads: 2 }} {more}"
    )


def test_by_hand(run, listed):
    it = run(text(listed, "", "transform_param { mean_value: [1, 2, 3] scale: 0.5 }"))
    assert [blob.shape for blob in it.top] == [(2, 3, 6, 8), (2, 1, 6, 8)]
    for first in (0, 2, 4):
        data, labels = it.forward()
        for row in range(2):
            pixels, classes = image((first + row) % 5)
            expected = (pixels.transpose(2, 0, 1) - np.array([1.0, 2, 3])[:, None, None]) / 2
            np.testing.assert_array_equal(data[row], expected)
            np.testing.assert_array_equal(labels[row, 0], classes)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_labels_stay_on_their_pixels(run, listed, phase):
    it = run(text(listed, "", f"phase: {phase} transform_param {{ crop_size: 3 mirror: true }}", 5))
    assert [blob.shape for blob in it.top] == [(5, 3, 3, 3), (5, 1, 3, 3)]
    corners, turned = set(), set()
    for _ in range(60):
        data, labels = it.forward()
        np.testing.assert_array_equal(labels[:, 0], 10 * data[:, 1] + data[:, 0])
        turned |= set((data[:, 0, 0, 0] > data[:, 0, 0, 2]).tolist())
        corners |= {tuple(each.tolist()) for each in data[:, :2].min(axis=(2, 3))}
    assert turned == {False, True}
    every = {(column, line) for column in range(6) for line in range(4)}
    assert corners == (every if phase == "TRAIN" else {(2, 1)})


def test_resizes_labels_to_the_nearest(run, listed):
    data, labels = run(text(listed, "new_height: 12 new_width: 16 is_color: false")).forward()
    assert data.shape == (2, 1, 12, 16)
    np.testing.assert_array_equal(labels[0, 0], np.kron(image(0)[1], np.ones((2, 2))))


def test_labels_of_an_encoder_are_smaller(run, listed):
    fields = "new_height: 6 new_width: 8 label_divide_factor: 2"
    more = "transform_param { mirror: true }"
    it = run(text(listed, fields, more, 5))
    assert [blob.shape for blob in it.top] == [(5, 3, 6, 8), (5, 1, 3, 4)]
    data, labels = it.forward()
    turned = data[:, 0, 0, 0] > 0
    assert len(set(turned.tolist())) == 2
    for is_turned, own in zip(turned, labels[:, 0], strict=True):
        np.testing.assert_array_equal(own[:, ::-1] if is_turned else own, image(0)[1][::2, ::2])
    for wrong in ("label_divide_factor: 2", f"{fields[:-1]}0"):
        with pytest.raises(
            LayerConfigError, match=r"label_divide_factor is ., expected 1, or more"
        ):
            run(text(listed, wrong))


def test_images_and_labels_in_two_folders(run, listed):
    for name in ("images", "labels"):
        (listed / name).mkdir()
    (listed / "0.png").rename(listed / "images" / "a.png")
    (listed / "0_labels.png").rename(listed / "labels" / "b.png")
    (listed / "list.txt").write_text("a.png b.png")
    it = run(text(listed, 'root_folder_image: "images/" root_folder_label: "labels/"', "", 1))
    np.testing.assert_array_equal(it.forward()[1][0, 0], image(0)[1])


def test_images_of_several_sizes_need_a_batch_of_one(run, tmp_path):
    write(tmp_path, [image(0), image(1, (4, 5))])
    it = run(text(tmp_path, batch_size=1))
    assert [it.forward()[1].shape for _ in range(3)] == [(1, 1, 6, 8), (1, 1, 4, 5), (1, 1, 6, 8)]
    it = run(text(tmp_path))
    with pytest.raises(DataError, match=r"expected .* as the first: give new_height"):
        it.forward()


def test_shuffles_and_resumes(run, listed):
    more = "transform_param { crop_size: 4 mirror: true }"
    it = run(text(listed, "shuffle: true rand_skip: 3", more))
    seen = [it.forward() for _ in range(8)]
    order = [int(red) for data, _ in seen for red in data[:, 2, 0, 0]]
    assert any(order[i : i + 5] != order[:5] for i in (5, 10))
    position = it.layer.position()
    expected = [each.copy() for each in it.forward()]
    again = run(text(listed, "shuffle: true rand_skip: 3", more))
    again.layer.set_position(position)
    for one, other in zip(expected, again.forward(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("fields", "more", "error", "message"),
    [
        ("new_height: 3", "", LayerConfigError, "new_height is 3 and new_width 0, expected both"),
        ("mirror: true", "", LayerConfigError, "mirror is in dense_image_data_param, expected in"),
        ("", "transform_param { hue: 0.1 }", LayerConfigError, "hue is given, expected none"),
        ("", "transform_param { crop_size: 7 }", DataError, "expected at least 7 x 7, as crop_s"),
        ("", "transform_param { mean_value: [1, 2] }", DataError, "expected 2 channel"),
    ],
)
def test_refuses(run, listed, fields, more, error, message):
    with pytest.raises(error, match=message):
        run(text(listed, fields, more))


def test_refuses_other_files(run, listed):
    for line, message in (
        ("0.png", "'0.png', expected the path of an image, a space, and that of its labels"),
        ("0.png missing.png", "image cannot be read"),
        ("0.png list.txt", "bytes are no image"),
    ):
        (listed / "list.txt").write_text(line + "\n")
        with pytest.raises(DataError, match=message):
            run(text(listed))
    cv2.imwrite(str(listed / "small.png"), image(0, (3, 8))[1])
    (listed / "list.txt").write_text("0.png small.png\n")
    with pytest.raises(DataError, match="labels are 3 x 8, expected 6 x 8, as the image is"):
        run(text(listed))
