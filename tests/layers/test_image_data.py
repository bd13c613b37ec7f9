"""ImageData: the original's pixels, order, chance and resume, faults, and what it refuses."""

from __future__ import annotations

import json
import logging

import cv2
import numpy as np
import pytest

from minicaffe.errors import BlobCountError, DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter
from minicaffe.proto.upgrade import upgrade_net
from tests.layers.runs import GOLDEN, Run, Runs, check_golden

SIZE = 7


@pytest.fixture
def run(device):
    runs = Runs(device, "ImageData")
    yield runs
    runs.close()


@pytest.fixture
def pixels(tmp_path, rng):
    """Seven images of 6 x 9 in ``list.txt``, labelled 0 to 6; each is (H, W, 3)."""
    images = rng.integers(0, 256, (SIZE, 6, 9, 3)).astype(np.uint8)
    for index, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    (tmp_path / "list.txt").write_text("".join(f"{i}.png {i}\n" for i in range(SIZE)))
    return images


def text(folder, data="batch_size: 3", more="", source="list.txt"):
    return (
        f'image_data_param {{ source: "{folder}/{source}" root_folder: "{folder}/" {data} }} {more}'
    )


def planar(images):
    return images.transpose(0, 3, 1, 2).astype(np.float64)


@pytest.mark.parametrize("case", ["image_data", "image_data_gray", "image_data_resize"])
def test_golden(device, case, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    check_golden(device, case)


def test_shapes_are_known_before_forward(run, pixels, tmp_path):
    it = run(text(tmp_path, more="transform_param { crop_size: 5 }"))
    assert [blob.shape for blob in it.top] == [(3, 3, 5, 5), (3,)]


def test_batches_go_round_in_order(run, pixels, tmp_path):
    it = run(text(tmp_path))
    for number in range(5):
        data, label = it.forward()
        expected = [(3 * number + i) % SIZE for i in range(3)]
        assert label.tolist() == expected
        np.testing.assert_array_equal(data, planar(pixels)[expected])


def test_one_image_unless_batch_size_is_given(run, pixels, tmp_path):
    assert run(text(tmp_path, data="")).top[0].shape == (1, 3, 6, 9)


def test_images_of_several_sizes_one_by_one(run, tmp_path, rng):
    sizes = [(4, 5), (7, 3), (4, 6)]
    for index, size in enumerate(sizes):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((*size, 3), 10 * index, np.uint8))
    (tmp_path / "list.txt").write_text("0.png 0\n1.png 1\n2.png 2\n")
    it = run(text(tmp_path, data=""))
    for index in [0, 1, 2, 0]:
        data, label = it.forward()
        np.testing.assert_array_equal(data, np.full((1, 3, *sizes[index]), 10 * index))
        assert it.top[0].shape == (1, 3, *sizes[index])
        assert label.tolist() == [index]
    together = run(text(tmp_path, data="batch_size: 2"))
    with pytest.raises(
        DataError,
        match=rf"list.txt \(line 2, {tmp_path}/1.png\): image is 3 x 7 x 3, expected 3 x 4 x 5 as "
        r"the first of its batch \(line 1, .*: images of several sizes need",
    ):
        together.forward()


def test_grey(run, pixels, tmp_path):
    data, _ = run(text(tmp_path, data="batch_size: 2 is_color: false")).forward()
    weights = (0.114, 0.587, 0.299)  # of blue, green and red in what one sees
    np.testing.assert_allclose(data[:, 0], pixels[:2] @ np.array(weights), atol=1)


def test_a_grey_file_in_colour(run, tmp_path, rng):
    image = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "g.png"), image)
    (tmp_path / "list.txt").write_text("g.png 3\n")
    data, _ = run(text(tmp_path, data="")).forward()
    np.testing.assert_array_equal(data, np.broadcast_to(image, (1, 3, 4, 6)))


def test_resizes_before_the_crop(run, pixels, tmp_path):
    size, crop = "batch_size: 1 new_height: 8 new_width: 5", "transform_param { crop_size: 3 }"
    data, _ = run(text(tmp_path, size, crop), phase=TEST).forward()
    scaled = cv2.resize(pixels[0], (5, 8), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(data[0], scaled.transpose(2, 0, 1)[:, 2:5, 1:4])


def test_what_is_done_to_an_image(run, pixels, tmp_path):
    more = "transform_param { scale: 0.5 mean_value: 7 mean_value: 90 mean_value: 11 crop_size: 3 }"
    data, _ = run(text(tmp_path, more=more), phase=TEST).forward()
    for n, c, i, j in np.ndindex(data.shape):
        assert data[n, c, i, j] == (float(pixels[n, 1 + i, 3 + j, c]) - (7, 90, 11)[c]) * 0.5


def test_random_windows_in_train_and_mirrors_in_both_phases(run, pixels, tmp_path):
    x = planar(pixels)
    seen = {TRAIN: set(), TEST: set()}
    for phase, found in seen.items():
        it = run(text(tmp_path, more="transform_param { crop_size: 4 mirror: true }"), phase=phase)
        for _ in range(60):
            data, label = it.forward()
            for n, index in enumerate(label.astype(int)):
                found.update(
                    (i, j, step)
                    for i in range(3)
                    for j in range(6)
                    for step in (1, -1)
                    if np.array_equal(data[n], x[index, :, i : i + 4, j : j + 4][..., ::step])
                )
    assert len(seen[TRAIN]) == 3 * 6 * 2
    assert seen[TEST] == {(1, 2, 1), (1, 2, -1)}


def labels(it, batches):
    return np.concatenate([it.forward()[1] for _ in range(batches)]).astype(int).tolist()


def test_shuffles_each_round_anew(run, pixels, tmp_path):
    it = run(text(tmp_path, data="batch_size: 3 shuffle: true"))
    found = labels(it, 7)
    rounds = [found[i : i + SIZE] for i in range(0, 3 * SIZE, SIZE)]
    for each in rounds:
        assert sorted(each) == list(range(SIZE))
    assert rounds[0] != rounds[1] != rounds[2] != rounds[0]
    assert list(range(SIZE)) not in rounds


def test_the_label_stays_with_its_image(run, pixels, tmp_path):
    data, label = run(text(tmp_path, data="batch_size: 9 shuffle: true")).forward()
    np.testing.assert_array_equal(data, planar(pixels)[label.astype(int)])


def test_the_order_is_the_seeds(run, pixels, tmp_path):
    shuffled = text(tmp_path, data="batch_size: 7 shuffle: true")
    first, second, other = (run(shuffled, seed=seed) for seed in (5, 5, 6))
    order = labels(first, 3)
    assert labels(second, 3) == order
    assert labels(other, 3) != order


RANDOM = "transform_param { crop_size: 4 mirror: true scale: 0.1 }"


@pytest.mark.parametrize("data", ["", "shuffle: true", "shuffle: true rand_skip: 5"])
def test_resumes_to_the_bit(run, pixels, tmp_path, data):
    definition = text(tmp_path, data=f"batch_size: 3 {data}", more=RANDOM)
    whole = run(definition)
    for _ in range(4):
        whole.forward()
    position = json.loads(json.dumps(whole.layer.position()))
    rest = [whole.forward() for _ in range(5)]
    resumed = run(definition, seed=99)
    resumed.forward()
    resumed.layer.set_position(position)
    for data, label in rest:
        again = resumed.forward()
        np.testing.assert_array_equal(again[0], data)
        np.testing.assert_array_equal(again[1], label)
    assert resumed.layer.position()["batches"] == 9


@pytest.mark.parametrize(("limit", "starts"), [(3, {0, 1, 2}), (9, set(range(SIZE)))])
def test_rand_skip(run, pixels, tmp_path, limit, starts):
    definition = text(tmp_path, data=f"batch_size: 1 rand_skip: {limit}")
    found = set()
    for seed in range(60):
        it = run(definition, seed=seed)
        found.update(labels(it, 1))
        it.layer.close()
    assert found == starts


def test_shapes_before_forward_are_those_of_the_first_image(run, tmp_path):
    for size in (4, 5, 6):
        cv2.imwrite(str(tmp_path / f"{size}.png"), np.zeros((size, 7, 3), np.uint8))
    (tmp_path / "list.txt").write_text("4.png 0\n5.png 0\n6.png 0\n")
    found = set()
    for seed in range(20):
        it = run(text(tmp_path, data="shuffle: true rand_skip: 3"), seed=seed)
        before = it.top[0].shape
        assert it.forward()[0].shape == before
        found.add(before)
        it.layer.close()
    assert len(found) == 3


def test_ranks_share_one_pass(run, pixels, tmp_path):
    found = []
    for rank in range(2):
        it = run(text(tmp_path, data="batch_size: 7 shuffle: true"))
        it.layer.shard(rank, 2)
        found += labels(it, 1)
    assert sorted(found) == sorted([*range(SIZE)] * 2)


def test_paths_with_spaces_and_lines_that_other_systems_write(run, pixels, tmp_path):
    (tmp_path / "a b").mkdir()
    for name in ("a b/c d.png", "é.png"):
        cv2.imwrite(str(tmp_path / name), pixels[3])
    (tmp_path / "list.txt").write_text("a b/c d.png 12\r\n\n  \né.png  -4 \r\n1.png 2.0")
    data, label = run(text(tmp_path)).forward()
    assert label.tolist() == [12, -4, 2]
    np.testing.assert_array_equal(data, planar(pixels)[[3, 3, 1]])


def test_the_root_folder_is_put_before_as_it_is(run, pixels, tmp_path):
    (tmp_path / "short.txt").write_text(".png 5\n")
    definition = (
        f'image_data_param {{ source: "{tmp_path}/short.txt" root_folder: "{tmp_path}/4" }}'
    )
    np.testing.assert_array_equal(run(definition).forward()[0], planar(pixels)[4:5])


def test_old_fields_work_once_they_are_upgraded(device, pixels, tmp_path):
    net = NetParameter()
    layer = net.layer.add(name="it", type="ImageData", top=["data", "label"], phase=TEST)
    layer.image_data_param.source = f"{tmp_path}/list.txt"
    layer.image_data_param.root_folder = f"{tmp_path}/"
    layer.image_data_param.scale, layer.image_data_param.crop_size = 0.5, 3
    it = Run(device, upgrade_net(net).layer[0])
    np.testing.assert_array_equal(it.forward()[0], planar(pixels)[:1, :, 1:4, 3:6] / 2)
    it.layer.close()


def test_logs_as_the_original(run, pixels, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    it = run(text(tmp_path))
    labels(it, 3)
    assert [line.getMessage() for line in caplog.records][:3] == [
        f"Opening file {tmp_path}/list.txt",
        "A total of 7 images.",
        "output data size: 3,3,6,9",
    ]
    assert "Restarting data prefetching from start." in caplog.text


def test_backward_does_nothing(run, pixels, tmp_path):
    it = run(text(tmp_path))
    it.forward()
    it.layer.run_backward(it.top, [], [])


def test_a_bad_image_is_named_when_its_turn_comes(run, pixels, tmp_path):
    (tmp_path / "4.png").write_bytes(b"\x89PNG no more")
    (tmp_path / "5.png").unlink()
    for first, message in [(4, "12 bytes are no image"), (5, "cannot be read: No such file")]:
        lines = "".join(f"{i}.png {i}\n" for i in [0, 1, first])
        (tmp_path / "list.txt").write_text(lines)
        it = run(text(tmp_path, data="batch_size: 1"))
        assert labels(it, 2) == [0, 1]
        for _ in range(2):
            with pytest.raises(
                DataError, match=rf"list.txt \(line 3, {tmp_path}/{first}.png\): .*{message}"
            ):
                it.forward()
        assert it.layer.position()["batches"] == 2


def test_a_wrong_root_folder_shows_at_once(run, pixels, tmp_path):
    definition = text(tmp_path).replace(f'root_folder: "{tmp_path}/"', 'root_folder: "nowhere/"')
    with pytest.raises(
        DataError, match=r"\(line 1, nowhere/0.png\): image cannot be read: .*looked for in /"
    ):
        run(definition)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("", "image_data_param has no source, expected the path of a list of images"),
        ("image_data_param { batch_size: 2 }", "image_data_param has no source"),
        (text("@", data="batch_size: 0"), "batch_size is 0 or not given, expected at least 1"),
        (text("@", data="new_height: 5"), "new_height is 5 and new_width 0, expected both or nei"),
        (text("@", data="new_width: 5"), "new_height is 0 and new_width 5, expected both or neit"),
        (text("@", data="scale: 2"), "scale is in image_data_param, expected in transform_param"),
        (text("@", data="crop_size: 2"), "crop_size is in image_data_param"),
        (text("@", data="mirror: true"), "mirror is in image_data_param"),
        (text("@", data='mean_file: "m"'), "mean_file is in image_data_param"),
        (text("@", more="data_param { prefetch: 0 }"), "prefetch is 0, expected at least 1"),
        (text("@", more="transform_param { crop_size: 7 }"), "crop_size is 7, expected at most 6"),
        (text("@", more="transform_param { mean_value: [1, 2] }"), "mean_value is given 2 times"),
    ],
)
def test_refuses(run, pixels, tmp_path, definition, message):
    with pytest.raises(LayerConfigError, match=rf"^layer 'it' \(ImageData\): {message}"):
        run(definition.replace("@", str(tmp_path)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1.png", "'1.png', expected an image's path, a space and a whole number"),
        ("1.png\t1", r"'1.png\\t1', expected an image's path"),
        ("1.png one", "'1.png one', expected"),
        ("1.png 1.5", "'1.png 1.5', expected"),
        ("1.png inf", "'1.png inf', expected"),
        ("1.png nan", "'1.png nan', expected"),
    ],
)
def test_refuses_a_line_without_a_label(run, pixels, tmp_path, line, message):
    (tmp_path / "list.txt").write_text(f"0.png 0\n\n{line}\n")
    with pytest.raises(DataError, match=rf"^{tmp_path}/list.txt \(line 3\): {message}"):
        run(text(tmp_path))


@pytest.mark.parametrize("tops", [0, 1, 3])
def test_refuses_other_numbers_of_tops(run, pixels, tmp_path, tops):
    with pytest.raises(BlobCountError, match=rf"{tops} top blob\(s\), expected 2"):
        run(text(tmp_path), tops=tops)
