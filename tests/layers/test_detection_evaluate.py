"""DetectionEvaluate: rows by hand, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import DataError, LayerConfigError, ShapeError, ValueRangeError
from tests.build import build

# image, class, score, box
FOUND = np.array(
    [
        [0, 1, 0.6, 0.1, 0.1, 0.5, 0.5],  # right, but of the same object as the next
        [0, 1, 0.9, 0.1, 0.1, 0.5, 0.4],  # right: 0.75
        [0, 1, 0.8, 0.6, 0.6, 0.7, 0.7],  # on nothing
        [0, 2, 0.7, 0.1, 0.1, 0.5, 0.5],  # of another class
        [1, -1, -1, -1, -1, -1, -1],  # none in this image
        [2, 3, 0.5, 0.0, 0.0, 0.5, 1.0],  # a half of a difficult one
    ]
)
# image, class, instance, box, difficult
OBJECTS = np.array(
    [
        [0, 1, 0, 0.1, 0.1, 0.5, 0.5, 0],
        [1, 1, 0, 0.2, 0.2, 0.6, 0.6, 0],
        [2, 3, 0, 0, 0, 1, 1, 1],
    ]
)


def run(device, fields="", found=FOUND, objects=OBJECTS, times=1):
    text = f'type: "DetectionEvaluate" detection_evaluate_param {{ num_classes: 4 {fields} }}'
    layer, bottom, top = build(text, device, found[None, None], objects[None, None])
    for _ in range(times):
        layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)[0, 0]


def counts(one, two, three):
    return [[-1, label, n, -1, -1] for label, n in ((1, one), (2, two), (3, three))]


ROWS = [[0, 1, 0.9, 1, 0], [0, 1, 0.8, 0, 1], [0, 1, 0.6, 0, 1], [0, 2, 0.7, 0, 1]]


def test_by_hand(device):
    np.testing.assert_allclose(run(device), [*counts(2, 0, 1), *ROWS, [2, 3, 0.5, 1, 0]])


def test_difficult_objects_need_not_be_found(device):
    found = run(device, "evaluate_difficult_gt: false")
    np.testing.assert_allclose(found, [*counts(2, 0, 0), *ROWS, [2, 3, 0.5, 0, 0]])


def test_threshold_and_background(device):
    found = run(device, "overlap_threshold: 0.76")
    assert found[3].tolist() == [0, 1, 0.9, 0, 1]
    assert found[5].tolist() == [0, 1, 0.6, 1, 0]  # the object is free for the next
    objects = OBJECTS - [0, 1, 0, 0, 0, 0, 0, 0]
    rows = run(device, "background_label_id: 3", FOUND[:0], objects)
    assert rows[:, 1].tolist() == [0, 1, 2]
    assert rows[:, 2].tolist() == [2, 0, 1]


def test_equal_scores_are_taken_in_their_order(device):
    twice = np.stack([FOUND[1], FOUND[1], FOUND[0]])
    twice[2, 2] = 0.9
    rows = run(device, found=twice)
    assert rows[3:, 3].tolist() == [1, 0, 0]


def test_nothing_at_all(device):
    none = np.array([[0.0] + [-1] * 6])
    rows = run(device, found=none, objects=np.full((1, 8), -1.0))
    np.testing.assert_array_equal(rows, counts(0, 0, 0))


def test_numbers_of_images_may_be_far_apart(device):
    """Work goes by the images that there are."""
    far = np.array([8_000_000.0] + [0] * 6)
    rows = run(device, found=FOUND + far, objects=OBJECTS + np.append(far, 0))
    near = run(device)
    assert rows[:3].tolist() == near[:3].tolist()
    assert (rows[3:, 0] - near[3:, 0] == 8_000_000).all()
    assert rows[3:, 1:].tolist() == near[3:, 1:].tolist()


@pytest.mark.parametrize("image", [np.nan, np.inf, -2])
def test_refuses_an_image_that_is_none(device, image):
    for index in range(2):
        arrays = [FOUND.copy(), OBJECTS.copy()]
        arrays[index][1, 0] = image
        message = rf"row 1 of bottom\[{index}\] is of image {image:g}, expected a number from 0 up"
        with pytest.raises(ValueRangeError, match=message):
            run(device, "", *arrays)


def test_leaves_its_bottoms_as_they_are(device):
    far = OBJECTS + np.array([5.0] + [0] * 7)
    text = 'type: "DetectionEvaluate" detection_evaluate_param { num_classes: 4 }'
    layer, bottom, top = build(text, device, FOUND, far)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(bottom[1].data), far)


def test_in_pixels(device, tmp_path):
    """Of 8 x 10 pixels: both ends are inside, so that the halves are 6 * 9 of 11 * 9."""
    sizes = tmp_path / "sizes"
    sizes.write_text("a b.jpg 8 10\n" * 6)
    fields = f'name_size_file: "{sizes}" overlap_threshold: 0.54'
    assert run(device, fields)[-1, 3] == 1
    assert run(device)[-1, 3] == 1
    assert run(device, "overlap_threshold: 0.54")[-1, 3] == 0
    assert run(device, fields, times=5)[-1, 3] == 1  # it goes round
    sizes.write_text("a 8 10\n")
    with pytest.raises(DataError, match="names 1 images, expected at least 3"):
        run(device, fields)
    sizes.write_text("a 8\n")
    with pytest.raises(DataError, match="is 'a 8', expected the name, height and width"):
        run(device, fields)


def test_goes_on_with_the_size_of_the_next_image(device, tmp_path):
    """In a run that is resumed, whose images go on too."""
    sizes = tmp_path / "sizes"
    sizes.write_text("".join(f"{name} 8 10\n" for name in "abcdefg"))
    text = "detection_evaluate_param { num_classes: 4 name_size_file: "
    made = [
        build(f'type: "DetectionEvaluate" {text} "{sizes}" }}', device, FOUND, OBJECTS)
        for _ in range(2)
    ]
    (layer, bottom, top), (other, *_) = made
    layer.run_forward(bottom, top)
    assert layer.position() == {"seen": 3}
    other.set_position(layer.position())
    other.run_forward(bottom, top)
    with pytest.raises(DataError, match="names 7 images, expected at least 9"):
        other.run_forward(bottom, top)


def test_refuses(device):
    text = 'type: "DetectionEvaluate" '
    with pytest.raises(LayerConfigError, match="num_classes is missing"):
        build(text, device, FOUND, OBJECTS)
    text += "detection_evaluate_param { num_classes: 2 overlap_threshold: 0 }"
    with pytest.raises(LayerConfigError, match="overlap_threshold is 0"):
        build(text, device, FOUND, OBJECTS)
    text = text.replace("overlap_threshold: 0", "")
    with pytest.raises(ShapeError, match=r"bottom\[1\] has shape \(6, 7\)"):
        build(text, device, FOUND, FOUND)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true"):
        build(text + "propagate_down: true", device, FOUND, OBJECTS)
