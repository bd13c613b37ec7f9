"""WindowData: what a batch is made of, chance and resume, the mean, and what it refuses."""

from __future__ import annotations

import json
import logging

import cv2
import numpy as np
import pytest

from minicaffe.blob_proto import array_to_proto
from minicaffe.errors import BlobCountError, DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter
from minicaffe.proto.upgrade import upgrade_net
from tests.layers.runs import GOLDEN, Run, Runs

CROP = 6
# of windows.txt: image, label, overlap, box
LISTED = [
    (0, 1, 0.9, (1, 1, 9, 9)),
    (0, 2, 0.7, (2, 0, 12, 11)),
    (0, 0, 0.1, (0, 0, 5, 5)),
    (1, 1, 0.8, (3, 3, 10, 10)),
    (1, 0, 0.2, (4, 4, 14, 11)),
]


@pytest.fixture
def run(device, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    runs = Runs(device, "WindowData")
    yield runs
    runs.close()


def text(data="", transform="", batch_size=8, source="windows.txt"):
    return (
        f'window_data_param {{ source: "{source}" batch_size: {batch_size} {data} }} '
        f"transform_param {{ crop_size: {CROP} {transform} }}"
    )


def reference(image, box, step=1):
    """(C, h, w): the box alone, scaled."""
    left, top, right, bottom = box
    pixels = cv2.imread(str(GOLDEN / "images" / f"{image}.png"))[top : bottom + 1, left : right + 1]
    return cv2.resize(pixels, (CROP, CROP)).transpose(2, 0, 1)[..., ::step].astype(np.float64)


def seen(it, forwards=30):
    """Which of ``LISTED`` come, and turned (-1) or not, and where in the batch."""
    found = set()
    for _ in range(forwards):
        data, label = it.forward()
        for place, (y, class_) in enumerate(zip(data, label, strict=True)):
            matches = [
                (index, step, place)
                for index, (image, listed, overlap, box) in enumerate(LISTED)
                for step in (1, -1)
                if class_ == listed and np.array_equal(y, reference(image, box, step))
            ]
            assert len(matches) == 1
            found.add(matches[0])
    return found


def test_shapes_are_known_before_forward(run):
    assert [blob.shape for blob in run(text()).top] == [(8, 3, CROP, CROP), (8,)]


def test_background_comes_first(run):
    found = seen(run(text("fg_fraction: 0.25")))
    assert {place for index, _, place in found if index in (2, 4)} == set(range(6))
    assert {place for index, _, place in found if index in (0, 1, 3)} == {6, 7}
    assert {index for index, _, _ in found} == set(range(5))
    assert {step for _, step, _ in found} == {1}


@pytest.mark.parametrize(
    ("fraction", "count"), [("0.5", 3), ("0.99", 6), ("1", 7), ("0", 0), ("0.1", 0)]
)
def test_the_share_of_foreground_is_rounded_down(run, fraction, count):
    _, label = run(text(f"fg_fraction: {fraction}", batch_size=7)).forward()
    assert [class_ > 0 for class_ in label] == [False] * (7 - count) + [True] * count


def test_thresholds(run):
    found = seen(run(text("fg_threshold: 0.8 bg_threshold: 0.2")))
    assert {index for index, _, _ in found} == {0, 2, 3}  # 0.7 is neither, 0.2 not below itself


@pytest.mark.parametrize("phase", [TRAIN, TEST])
def test_mirrors_in_both_phases(run, phase):
    found = seen(run(text("fg_fraction: 0.5", "mirror: true"), phase=phase))
    assert {(index, step) for index, step, _ in found} == {
        (index, step) for index in range(5) for step in (1, -1)
    }


def test_square_with_surroundings(run):
    """Of windows.txt the box 3 3 10 10 alone: columns and rows 7 - 4 * 6/4 = 1 to 13, of 12 rows.

    There are 13, of which 1 to 11 are in the image: 11 * 6/13 = 5.1 rows and 2 * 6/13 = 0.9 of
    padding; all columns are.
    """
    definition = 'context_pad: 1 crop_mode: "square" fg_threshold: 0.8 bg_threshold: 0.15'
    it = run(text(definition + " fg_fraction: 1", "mean_value: 9"))
    pixels = cv2.imread(str(GOLDEN / "images" / "1.png"))
    expected = np.zeros((3, CROP, CROP))
    expected[:, :5] = cv2.resize(pixels[1:12, 1:14], (6, 5)).transpose(2, 0, 1) - 9.0
    assert any(np.array_equal(y, expected) for _ in range(9) for y in it.forward()[0])


def test_scale_is_read_where_it_was_of_old(run, caplog):
    one = text("scale: 0.5 fg_fraction: 0")
    data, _ = run(one, seed=3).forward()
    whole, _ = run(text("fg_fraction: 0"), seed=3).forward()
    np.testing.assert_array_equal(data, whole / 2)
    assert "scale" not in caplog.text
    ignored, _ = run(text("fg_fraction: 0", "scale: 0.5"), seed=3).forward()
    assert "scale of transform_param does nothing, as in Caffe 1.0" in caplog.text
    np.testing.assert_array_equal(ignored, whole)


def test_means(run, tmp_path, rng):
    plain, _ = run(text(), seed=3).forward()
    values, _ = run(text("", "mean_value: 3 mean_value: 4 mean_value: 5"), seed=3).forward()
    np.testing.assert_array_equal(values, plain - np.reshape([3, 4, 5], (3, 1, 1)))
    mean = rng.random((1, 3, 9, 11)).astype(np.float32)
    (tmp_path / "mean").write_bytes(array_to_proto(mean).SerializeToString())
    imaged, _ = run(text("", f'mean_file: "{tmp_path}/mean"'), seed=3).forward()
    # begins at (11 - 6) // 2 in rows as well: the original looks at the width alone
    np.testing.assert_array_equal(imaged, plain - mean[0, :, 2:8, 2:8].astype(np.float64))


RANDOM = text("fg_fraction: 0.5 cache_images: true", "mirror: true mean_value: 11")


def test_one_seed_is_one_run(run):
    first, second, other = (run(RANDOM, seed=seed) for seed in (5, 5, 6))
    different = False
    for _ in range(4):
        data = first.forward()[0]
        np.testing.assert_array_equal(second.forward()[0], data)
        different |= not np.array_equal(other.forward()[0], data)
    assert different


def test_resumes_to_the_bit(run):
    whole = run(RANDOM)
    for _ in range(3):
        whole.forward()
    position = json.loads(json.dumps(whole.layer.position()))
    rest = [whole.forward() for _ in range(4)]
    resumed = run(RANDOM, seed=99)
    resumed.forward()
    resumed.layer.set_position(position)
    for data, label in rest:
        again = resumed.forward()
        np.testing.assert_array_equal(again[0], data)
        np.testing.assert_array_equal(again[1], label)


def test_ranks_have_chances_of_their_own(run):
    found = []
    for rank in range(2):
        it = run(RANDOM)
        it.layer.shard(rank, 2)
        found.append(it.forward()[0])
    assert not np.array_equal(*found)


def test_old_fields_work_once_they_are_upgraded(device, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    net = NetParameter()
    layer = net.layer.add(name="it", type="WindowData", top=["data", "label"], phase=TRAIN)
    param = layer.window_data_param
    param.source, param.batch_size, param.crop_size = "windows.txt", 2, 4
    it = Run(device, upgrade_net(net).layer[0])
    assert it.forward()[0].shape == (2, 3, 4, 4)
    it.layer.close()


def test_logs(run, caplog):
    caplog.set_level(logging.INFO)
    run(text())
    assert "Number of images: 2" in caplog.text
    assert "output data size: 8,3,6,6" in caplog.text


def test_backward_does_nothing(run):
    it = run(text())
    it.forward()
    it.layer.run_backward(it.top, [], [])


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("", "window_data_param has no source, expected the path of a list of windows"),
        (text(batch_size=0), "batch_size is 0 or not given, expected at least 1"),
        (text().replace("crop_size: 6", ""), "crop_size of transform_param is 0 or not given"),
        (text("crop_size: 6"), "crop_size is in window_data_param, expected in transform_param"),
        (text("mirror: true"), "mirror is in window_data_param"),
        (text('mean_file: "m"'), "mean_file is in window_data_param"),
        (text("context_pad: 3"), "context_pad is 3, expected less than half of crop_size, 6"),
        (text('crop_mode: "sqare"'), "crop_mode is 'sqare', expected one of warp, square: did you"),
        (text("fg_fraction: 1.5"), "fg_fraction is 1.5, expected 0 to 1"),
        (text("fg_fraction: -0.5"), "fg_fraction is -0.5, expected 0 to 1"),
        (text("fg_fraction: nan"), "fg_fraction is nan, expected 0 to 1"),
        (text("", 'mean_value: 3 mean_file: "m"'), "mean_file and mean_value are both given"),
        (text("", "mean_value: [1, 2]"), "mean_value is given 2 times, expected once, or once"),
        (text("", "rotation: 5"), "rotation is given, expected none: WindowData warps"),
        (text() + " data_param { prefetch: 0 }", "prefetch is 0, expected at least 1 batch"),
    ],
)
def test_refuses(run, definition, message):
    with pytest.raises(LayerConfigError, match=rf"^layer 'it' \(WindowData\): {message}"):
        run(definition)


@pytest.mark.parametrize("shape", [(1, 3, 9, 5), (1, 3, 7, 12), (1, 1, 6, 6)])
def test_refuses_a_mean_of_another_size(run, tmp_path, shape):
    (tmp_path / "mean").write_bytes(array_to_proto(np.zeros(shape)).SerializeToString())
    with pytest.raises(
        LayerConfigError, match=r"mean_file .*mean is .*, expected 3 channels of at least crop_siz"
    ):
        run(text("", f'mean_file: "{tmp_path}/mean"'))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (text("fg_threshold: 0.95"), "windows.txt: there is no foreground window, .* has 2$"),
        (text("bg_threshold: 0.05"), "windows.txt: there is no background window, .* has 6$"),
        (text(source="window.txt"), "window.txt: no such file, .*: did you mean 'windows.txt'?"),
        (
            text('root_folder: "nowhere/"'),
            r"windows.txt \(line 7, nowhere/images/0.png\): image cannot be read",
        ),
    ],
)
def test_refuses_data_that_is_not_there(run, definition, message):
    with pytest.raises(DataError, match=f"^{message}"):
        run(definition)


def test_one_kind_alone_needs_no_windows_of_the_other(run):
    assert (run(text("bg_threshold: 0.05 fg_fraction: 1")).forward()[1] > 0).all()
    assert (run(text("fg_threshold: 0.95 fg_fraction: 0")).forward()[1] == 0).all()


@pytest.mark.parametrize("tops", [0, 1, 3])
def test_refuses_other_numbers_of_tops(run, tops):
    with pytest.raises(BlobCountError, match=rf"{tops} top blob\(s\), expected 2"):
        run(text(), tops=tops)
