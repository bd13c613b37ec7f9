"""Result files: each format by hand, rounds, boxes in pixels, and what is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.boxes.result_files import ResultFiles, to_pixels
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import ResizeParameter, SaveOutputParameter

ROWS = np.array([[1, 0.9, 0.1, 0.25, 0.5, 0.75], [2, 0.123456789, -0.5, 0, 0.333, 1.5]])
NONE = ROWS[:0]


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sizes.txt").write_text("a b 40 200\n\n0012 30 60\nthird 10 10\n")
    (tmp_path / "map.prototxt").write_text(
        'item { name: "background" label: 0 } item { name: "cat" label: 1 } '
        'item { name: "18" label: 2 }'
    )

    def _make(kind):
        return ResultFiles(param(f'output_format: "{kind}" num_test_image: 2'))

    return _make


def param(text):
    whole = 'output_directory: "new/out" output_name_prefix: "p_" label_map_file: "map.prototxt" '
    return text_format.Parse(f'{whole} name_size_file: "sizes.txt" {text}', SaveOutputParameter())


def written(tmp_path):
    return {path.name: path.read_text() for path in (tmp_path / "new" / "out").iterdir()}


def test_voc(make, tmp_path):
    files = make("VOC")
    files.add(ROWS)
    assert written(tmp_path) == {}
    files.add(ROWS[:1])
    assert written(tmp_path) == {
        "p_cat.txt": "a b 0.9 20.00 10.00 100.00 30.00\n0012 0.9 6.00 7.50 30.00 22.50\n",
        "p_18.txt": "a b 0.123457 0.00 0.00 66.60 40.00\n",
    }


def test_coco(make, tmp_path):
    files = make("COCO")
    files.add(NONE)
    files.add(ROWS)
    (text,) = written(tmp_path).values()
    assert json.loads(text) == [
        {"image_id": 12, "category_id": "cat", "bbox": [6, 7.5, 24, 15], "score": 0.9},
        {"image_id": 12, "category_id": 18, "bbox": [0, 0, 19.98, 30], "score": 0.123457},
    ]


def test_ilsvrc(make, tmp_path):
    files = make("ILSVRC")
    files.add(ROWS)
    files.add(NONE)
    assert written(tmp_path) == {
        "p_.txt": "a b 1 0.9 20.00 10.00 100.00 30.00\na b 2 0.123457 0.00 0.00 66.60 40.00\n"
    }


def test_a_round_replaces_the_last_and_half_a_round_does_not(make, tmp_path, caplog):
    files = make("ILSVRC")
    for rows in (ROWS, NONE, NONE, ROWS[1:]):
        files.add(rows)
    second = {"p_.txt": "0012 2 0.123457 0.00 0.00 19.98 30.00\n"}
    assert written(tmp_path) == second
    files.close()
    assert not [message for message in caplog.messages if "not written" in message]
    files.add(ROWS)
    files.close()
    assert written(tmp_path) == second
    assert "the results of 1 images are not written, expected 2" in caplog.messages[-1]


def test_all_images_of_the_list_where_no_number_is_given(make, tmp_path):
    files = ResultFiles(param('output_format: "ILSVRC"'))
    for _ in range(2):
        files.add(NONE)
    assert written(tmp_path) == {}
    files.add(NONE)
    assert written(tmp_path) == {"p_.txt": ""}


def test_a_label_without_a_name(make):
    with pytest.raises(DataError, match=r"map.prototxt: has no name for label 5, expected one"):
        make("COCO").add(np.array([[5, 0.5, 0, 0, 1, 1]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "output_format is missing, expected with output_directory"),
        ('output_format: "XML"', "output_format is 'XML', expected VOC, COCO, ILSVRC"),
        ('output_format: "VOC" num_test_image: 4', "num_test_image is 4, expected at most 3: "),
    ],
)
def test_what_it_refuses(make, text, message):
    with pytest.raises(LayerConfigError, match=message):
        ResultFiles(param(text)).add(NONE)


def test_nothing_is_read_or_made_before_the_first_image(make, tmp_path):
    files = make("VOC")
    assert not (tmp_path / "new").exists()
    files.add(NONE)
    assert (tmp_path / "new" / "out").is_dir()


def test_files_that_are_none(make, tmp_path):
    (tmp_path / "sizes.txt").write_text("a 40 200\nb 0 60\n")
    with pytest.raises(DataError, match=r"sizes.txt \(line 2\): is 'b 0 60', expected the name,"):
        make("VOC").add(NONE)
    (tmp_path / "sizes.txt").write_text("a 40 200\nb 10 60\n")
    (tmp_path / "new").write_text("a file")
    with pytest.raises(DataError, match=r"new/out: cannot be made"):
        make("VOC").add(NONE)


BOX = np.array([[0.25, 0.25, 0.75, 1.5]])


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        ("", [50, 10, 150, 40]),
        ("resize_mode: WARP height: 30 width: 30", [50, 10, 150, 40]),
        # 200 by 40 in a square: 0.8 of the height is padding, 0.4 above
        ("resize_mode: FIT_LARGE_SIZE_AND_PAD height: 300 width: 300", [50, 0, 150, 40]),
        # in 4 by 1, the image of 5 by 1 takes 0.8 of the height
        ("resize_mode: FIT_LARGE_SIZE_AND_PAD height: 100 width: 400", [50, 7.5, 150, 40]),
        # in 10 by 1, it takes half of the width: from 0.25 to 0.75
        ("resize_mode: FIT_LARGE_SIZE_AND_PAD height: 50 width: 500", [0, 10, 200, 40]),
        ("resize_mode: FIT_SMALL_SIZE height: 300", [50, 10, 150, 40]),
        ("resize_mode: FIT_SMALL_SIZE height_scale: 20 width_scale: 100", [25, 5, 75, 30]),
    ],
)
def test_pixels(resize, expected):
    message = text_format.Parse(resize, ResizeParameter()) if resize else None
    np.testing.assert_allclose(to_pixels(BOX, 40, 200, message), [expected])
