"""DetectionOutput: detections by hand, its rules, its files, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minicaffe.boxes.codes import CENTER_SIZE, CORNER_SIZE, decode
from minicaffe.errors import DataError, LayerConfigError, PrototxtError, ShapeError
from tests.build import build

# three prior boxes: the first two overlap by a half, the third is apart
PRIORS = np.array([[0, 0, 0.4, 0.4], [0, 0, 0.4, 0.2], [0.5, 0.5, 0.9, 0.9]])
VARIANCES = np.array([[0.1, 0.1, 0.2, 0.2]] * 3)
BOTH = np.stack([PRIORS, VARIANCES]).reshape(1, 2, 12)
STAY = np.zeros((2, 12))
# (image, box, class): class 0 is the background
SCORES = np.array(
    [
        [[0.1, 0.8, 0.3], [0.2, 0.7, 0.6], [0.9, 0.05, 0.4]],
        [[0.5, 0.2, 0.1], [0.9, 0.3, 0.25], [1, 0, 0]],
    ]
)


def text(fields=""):
    fields += "" if "num_classes" in fields else " num_classes: 3"
    fields += "" if "nms_param" in fields else " nms_param { nms_threshold: 0.45 }"
    return f'type: "DetectionOutput" detection_output_param {{ {fields} }}'


def run(device, fields="", offsets=STAY, scores=SCORES, priors=BOTH):
    layer, bottom, top = build(
        text(fields), device, offsets, scores.reshape(len(scores), -1), priors
    )
    assert top[0].shape == (1, 1, 1, 7)
    layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)[0, 0]


def rows(*found):
    """(image, class, score, box) as rows of seven."""
    return [[n, label, score, *PRIORS[box]] for n, label, score, box in found]


def test_by_hand(device):
    expected = rows(
        (0, 1, 0.8, 0),  # box 1 of 0.7 overlaps it by 0.5
        (0, 1, 0.05, 2),
        (0, 2, 0.6, 1),  # of this class it is the better one
        (0, 2, 0.4, 2),
        (1, 1, 0.3, 1),
        (1, 1, 0.0, 2),
        (1, 2, 0.25, 1),
        (1, 2, 0.0, 2),
    )
    np.testing.assert_allclose(run(device), expected)


def test_a_score_has_to_be_above_the_threshold(device):
    expected = rows((0, 1, 0.8, 0), (0, 2, 0.6, 1), (0, 2, 0.4, 2), (1, 1, 0.3, 1))
    np.testing.assert_allclose(run(device, "confidence_threshold: 0.25"), expected)


def test_keep_top_k_is_of_each_image(device):
    expected = rows((0, 1, 0.8, 0), (0, 2, 0.6, 1), (1, 1, 0.3, 1), (1, 2, 0.25, 1))
    np.testing.assert_allclose(run(device, "keep_top_k: 2"), expected)
    assert len(run(device, "keep_top_k: -1")) == 8
    assert len(run(device, "keep_top_k: 100")) == 8


def test_equal_scores_are_kept_in_the_order_of_their_classes(device):
    scores = np.full((1, 3, 3), 0.5)
    expected = rows((0, 1, 0.5, 0), (0, 1, 0.5, 2), (0, 2, 0.5, 0))
    np.testing.assert_allclose(run(device, "keep_top_k: 3", STAY[:1], scores), expected)


def test_top_k_and_eta(device):
    fields = "nms_param { nms_threshold: 0.45 top_k: 1 } confidence_threshold: 0.01"
    expected = rows((0, 1, 0.8, 0), (0, 2, 0.6, 1), (1, 1, 0.3, 1), (1, 2, 0.25, 1))
    np.testing.assert_allclose(run(device, fields), expected)
    # after the first box the threshold is 0.55 * 0.9: below their overlap of a half
    assert len(run(device, "nms_param { nms_threshold: 0.55 }")) == 12
    assert len(run(device, "nms_param { nms_threshold: 0.55 eta: 0.9 }")) == 8


def test_another_background_and_none(device):
    labels = run(device, "background_label_id: 1 confidence_threshold: 0.35")[:, 1]
    assert labels.tolist() == [0, 2, 2, 0, 0]
    labels = run(device, "background_label_id: -1 confidence_threshold: 0.35")[:, 1]
    assert labels.tolist() == [0, 1, 2, 2, 0, 0]


def test_offsets_move_the_boxes(device, rng):
    offsets = rng.standard_normal((1, 3, 4))
    scores = np.array([[[0, 0.9, 0], [0, 0.8, 0], [0, 0.7, 0]]])
    for name, code in (("CENTER_SIZE", CENTER_SIZE), ("CORNER_SIZE", CORNER_SIZE)):
        for encoded, variances in (("false", VARIANCES), ("true", None)):
            found = run(
                device,
                f"code_type: {name} variance_encoded_in_target: {encoded} "
                "nms_param { nms_threshold: 1 } confidence_threshold: 0.5",
                offsets.reshape(1, 12),
                scores,
            )
            np.testing.assert_allclose(found[:, 3:], decode(offsets[0], PRIORS, code, variances))


def test_a_location_for_each_class(device):
    offsets = np.zeros((1, 3, 3, 4))
    offsets[0, :, 2, 0] = 1  # the left of class 2: 0.1 to the right
    scores = np.array([[[0, 0.9, 0.8], [0, 0, 0], [0, 0, 0]]])
    fields = "share_location: false confidence_threshold: 0.5"
    found = run(device, fields, offsets.reshape(1, -1), scores)
    np.testing.assert_allclose(found[:, 1:4], [[1, 0.9, 0], [2, 0.8, 0.1]])


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_found_is_a_row_an_image(device, count):
    found = run(device, "confidence_threshold: 0.99", STAY[:count], SCORES[:count])
    assert found.tolist() == [[n, *[-1] * 6] for n in range(count)]
    one = run(device, "confidence_threshold: 0.65")  # the second image alone has none
    assert one[:, 0].tolist() == [0]


def test_nan_is_no_score(device):
    scores = SCORES.copy()
    scores[0, 0, 1] = np.nan
    found = run(device, "confidence_threshold: 0.25", scores=scores)
    np.testing.assert_allclose(found[0], rows((0, 1, 0.7, 1))[0])


def test_the_batch_may_change(device):
    layer, bottom, top = build(text(), device, STAY, SCORES.reshape(2, -1), BOTH)
    layer.run_forward(bottom, top)
    bottom[0].reshape((1, 12))
    bottom[1].reshape((1, 9, 1, 1))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data)[0, 0, :, 0].tolist() == [0] * 4
    bottom[0].reshape((0, 12))
    bottom[1].reshape((0, 9))
    layer.run_forward(bottom, top)
    assert top[0].shape == (1, 1, 0, 7)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("num_classes: 0", "num_classes is 0, expected at least 1"),
        ("background_label_id: 3", r"background_label_id is 3, expected 0..2, or -1"),
        ("background_label_id: -2", "background_label_id is -2"),
        ("nms_param { nms_threshold: -0.1 }", "nms_threshold is -0.1, expected 0 or more"),
        ("nms_param { nms_threshold: nan }", "nms_threshold is nan"),
        ("nms_param { eta: 0 }", "eta is 0, expected above 0, and at most 1"),
        ("nms_param { eta: 1.5 }", "eta is 1.5"),
    ],
)
def test_what_it_refuses(device, fields, message):
    with pytest.raises(LayerConfigError, match=message):
        run(device, fields)


def test_classes_have_to_be_given(device):
    with pytest.raises(LayerConfigError, match="num_classes is missing, expected at least 1"):
        build('type: "DetectionOutput"', device, STAY, STAY, BOTH)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 12), (2, 9), (2, 12)), r"bottom\[2\] has shape \(2, 12\), expected \(1, 2, P \* 4\)"),
        (((2, 12), (2, 9), (1, 2, 11)), r"bottom\[2\] has shape \(1, 2, 11\)"),
        (
            ((2, 8), (2, 9), (1, 2, 12)),
            r"bottom\[0\] has shape \(2, 8\), expected \(2, 12\): 4",
        ),
        (
            ((2, 12), (2, 8), (1, 2, 12)),
            r"bottom\[1\] has shape \(2, 8\), expected \(2, 9\): a",
        ),
        (((2, 12), (3, 9), (1, 2, 12)), r"bottom\[1\] has shape \(3, 9\), expected \(2, 9\)"),
        (((), (2, 9), (1, 2, 12)), r"bottom\[0\] has shape \(\), expected \(N, 12\)"),
    ],
)
def test_shapes_it_refuses(device, shapes, message):
    with pytest.raises(ShapeError, match=message):
        build(text(), device, *map(np.zeros, shapes))


def test_too_few_prior_boxes_name_what_may_be_missing(device):
    with pytest.raises(ShapeError, match="is a density, an aspect_ratio or a size missing"):
        build(text(), device, np.zeros((1, 16)), np.zeros((1, 9)), BOTH)


def test_it_has_no_gradient(device):
    layer, bottom, top = build(text(), device, STAY, SCORES.reshape(2, -1), BOTH)
    assert not layer.allow_force_backward(0)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [False] * 3, bottom)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true, expected false"):
        layer.run_backward(top, [True, False, False], bottom)


def saving(folder, fields='output_format: "COCO"'):
    (folder / "names.txt").write_text("7 100 200\n000008 50 60\n")
    (folder / "map.prototxt").write_text(
        'item { name: "none" label: 0 } item { name: "cat" label: 1 } item { name: "5" label: 2 }'
    )
    return (
        f'save_output_param {{ output_directory: "{folder}/out" output_name_prefix: "found_" '
        f'label_map_file: "{folder}/map.prototxt" name_size_file: "{folder}/names.txt" {fields} }}'
    )


def test_files_are_written_when_all_images_have_been_seen(device, tmp_path):
    fields = f"confidence_threshold: 0.5 {saving(tmp_path)}"
    layer, bottom, top = build(text(fields), device, STAY[:1], SCORES[:1].reshape(1, -1), BOTH)
    layer.run_forward(bottom, top)
    assert list((tmp_path / "out").iterdir()) == []
    layer.run_forward(bottom, top)
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "found_.json"
    first = json.loads(path.read_text())[0]
    assert first == {"image_id": 7, "category_id": "cat", "bbox": [0, 0, 80, 40], "score": 0.8}
    layer.close()


def test_a_file_that_it_names_has_to_be_there(device, tmp_path):
    save = saving(tmp_path)
    (tmp_path / "names.txt").unlink()
    with pytest.raises(DataError, match=r"names.txt: no such file"):
        run(device, save)
    (tmp_path / "map.prototxt").unlink()
    with pytest.raises(PrototxtError, match=r"map.prototxt: no such file"):
        run(device, save)
