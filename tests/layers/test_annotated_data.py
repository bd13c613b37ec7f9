"""AnnotatedData: rows by hand, chance and resume, what becomes of boxes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TEST
from tests.data.annotated.records import numbered, record
from tests.data.databases import make_lmdb
from tests.data.databases import numbered as plain
from tests.layers.runs import Runs

SAMPLERS = """annotated_data_param {
  batch_sampler { max_sample: 1 max_trials: 1 }
  batch_sampler { sampler { min_scale: 0.3 min_aspect_ratio: 0.5 max_aspect_ratio: 2 }
                  sample_constraint { min_jaccard_overlap: 0.1 } max_sample: 1 max_trials: 50 } }"""
ALL = (
    """transform_param { mirror: true crop_size: 10 mean_value: [104, 117, 123] scale: 0.5
  resize_param { height: 12 width: 14 interp_mode: [LINEAR, AREA, CUBIC] }
  expand_param { prob: 0.5 max_expand_ratio: 3 } emit_constraint { emit_type: CENTER }
  distort_param { brightness_prob: 0.5 brightness_delta: 32 hue_prob: 0.5 hue_delta: 18
                  contrast_prob: 0.5 contrast_lower: 0.5 contrast_upper: 1.5
                  saturation_prob: 0.5 saturation_lower: 0.5 saturation_upper: 1.5 }
  noise_param { prob: 0.5 posterize: true } }"""
    + SAMPLERS
)


@pytest.fixture
def run(device):
    runs = Runs(device, "AnnotatedData")
    yield runs
    runs.close()


@pytest.fixture
def db(tmp_path):
    """Five records of 3 x 8 x 12; number n has n % 3 objects."""
    return make_lmdb(tmp_path / "db", numbered(5))


def text(source, more="", batch_size=3):
    return (
        f'data_param {{ source: "{source}" batch_size: {batch_size} backend: LMDB }} '
        f"loader_param {{ threads: 2 }} {more}"
    )


def test_rows_by_hand(run, db):
    it = run(text(db, "transform_param { mean_value: 100 scale: 2 }"))
    assert [blob.shape for blob in it.top] == [(3, 3, 8, 12), (1, 1, 1, 8)]
    data, rows = it.forward()
    pixels = [np.frombuffer(each.datum.data, np.uint8) for each in numbered(5)]
    expected = (np.stack(pixels[:3]).reshape(3, 3, 8, 12) - 100.0) * 2
    np.testing.assert_array_equal(data, expected)
    # image, label, instance, box, difficult; the first image has none
    one = [1, 1, 1, 0, 0.25, 0.5, 0.75, 0]
    two = [[2, 1, 2, 0, 0.25, 0.5, 0.75, 0], [2, 2, 2, 0.1, 0.25, 0.6, 0.75, 1]]
    assert rows.shape == (1, 1, 3, 8)
    np.testing.assert_allclose(rows[0, 0], [one, *two], rtol=1e-6)
    data, rows = it.forward()  # of the records 3, 4 and 0
    np.testing.assert_allclose(rows[0, 0, :, [0, 2]], [[1], [4]])


YOLO = "annotated_data_param { yolo_data_type: 1 yolo_data_jitter: %s }"


def test_labels_for_yolo_by_hand(run, db):
    it = run(text(db, YOLO % 0 + "transform_param { resize_param { height: 8 width: 12 } }"))
    assert [blob.shape for blob in it.top] == [(3, 3, 8, 12), (3, 1, 300, 5)]
    _, rows = it.forward()
    assert rows.shape == (3, 1, 300, 5)
    # as in test_rows_by_hand: none; one; one and one that is difficult
    np.testing.assert_allclose(rows[1:, 0, 0], [[0, 0.25, 0.5, 0.5, 0.5]] * 2, rtol=1e-6)
    assert not rows[0].any()
    assert not rows[:, :, 1:].any()


def test_windows_for_yolo(run, tmp_path):
    """Of an image of which the left half is bright, the object, and nothing else."""
    path = bright(tmp_path, (slice(0, 36), slice(0, 20)), (36, 40))
    more = "transform_param { resize_param { height: 36 width: 40 } }"
    it = run(text(path, YOLO % 0.4 + more, 8))
    data, rows = it.forward()
    assert len(np.unique(rows[:, 0, 0, 3])) > 4
    for image, (label, x, y, w, h) in zip(data, rows[:, 0, 0], strict=True):
        assert (label, y, h) == (0, 0.5, 1)
        assert x == pytest.approx(w / 2)
        assert (image.mean(axis=(0, 1)) > 127).sum() == pytest.approx(40 * w, abs=2)


def test_no_object_at_all_is_a_row_of_minus_one(run, db):
    it = run(text(db, batch_size=1))
    assert it.forward()[1].tolist() == [[[[-1] * 8]]]


def test_encoded_images_are_the_same(run, db, tmp_path):
    other = make_lmdb(tmp_path / "other", numbered(5, encode=True))
    resize = "transform_param { resize_param { height: 5 width: 7 } }"
    for a, b in zip(
        run(text(db, resize)).forward(), run(text(other, resize)).forward(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_records_without_boxes_have_labels(run, tmp_path):
    db = make_lmdb(tmp_path / "labels", numbered(4, boxes=False))
    it = run(text(db))
    assert it.top[1].shape == (3,)
    assert it.forward()[1].tolist() == [0, 1, 2]
    it = run(text(db, "annotated_data_param { anno_type: BBOX }"))
    assert it.forward()[1].shape == (1, 1, 3, 8)
    assert len(run(text(db), tops=1).forward()) == 1


def bright(tmp_path, place=(slice(4, 16), slice(6, 20)), shape=(24, 40)):
    """A record whose one object is white."""
    pixels = np.zeros((3, *shape), np.uint8)
    pixels[(slice(None), *place)] = 255
    height, width = shape
    box = place[1].start / width, place[0].start / height, place[1].stop / width
    made = record(pixels, [(1, 0, (*box, place[0].stop / height), False)])
    return make_lmdb(tmp_path / "bright", [made])


@pytest.mark.parametrize("resize", ["WARP", "FIT_SMALL_SIZE", "FIT_LARGE_SIZE_AND_PAD"])
def test_boxes_stay_on_their_pixels(run, tmp_path, resize):
    more = f"""transform_param {{ mirror: true crop_h: 36 crop_w: 44
      resize_param {{ height: 48 width: 48 resize_mode: {resize} }}
      expand_param {{ prob: 0.5 max_expand_ratio: 2 }} }}"""
    it = run(text(bright(tmp_path), more + SAMPLERS, batch_size=1))
    seen = 0
    for _ in range(60):
        data, rows = it.forward()
        for row in rows[0, 0][rows[0, 0, :, 0] >= 0]:
            lines, columns = np.nonzero(data[0, 0] > 128)
            left, right = columns.min() / 44, (columns.max() + 1) / 44
            top, bottom = lines.min() / 36, (lines.max() + 1) / 36
            np.testing.assert_allclose(row[3:7], [left, top, right, bottom], atol=0.07)
            seen += 1
    assert seen > 30


def test_around_an_expanded_image_is_the_mean(run, tmp_path):
    more = """transform_param { mean_value: [10, 20, 30] resize_param { height: 24 width: 40 }
      expand_param { max_expand_ratio: 3 } }"""
    data, rows = run(text(bright(tmp_path), more, batch_size=1)).forward()
    outside = [data[0, :, y, x] for y in (0, -1) for x in (0, -1)]
    assert any((pixel == 0).all() for pixel in outside)
    assert (data[0, 0] > 100).any()
    assert rows[0, 0, 0, 1] == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_resume_goes_on_with_the_same_records_and_draws(run, db, threads):
    definition = text(db, ALL).replace("threads: 2", f"threads: {threads}")
    whole = run(definition)
    expected = [whole.forward() for _ in range(6)]
    first = run(definition)
    for _ in range(2):
        first.forward()
    second = run(definition, seed=5)
    second.layer.set_position(first.layer.position())
    for batch in expected[2:]:
        for a, b in zip(second.forward(), batch, strict=True):
            np.testing.assert_array_equal(a, b)


def test_chance_is_of_each_image_and_each_pass(run, tmp_path):
    same = numbered(1)
    db = make_lmdb(tmp_path / "same", same * 4)
    it = run(text(db, ALL, batch_size=4))
    images = [each.tobytes() for _ in range(3) for each in it.forward()[0]]
    assert len(set(images)) > 9


def test_processes_share_the_records(run, db):
    parts = []
    for rank in range(2):
        it = run(text(db, batch_size=1))
        it.layer.shard(rank, 2)
        parts.append([it.forward()[0].tobytes() for _ in range(5)])
    one = run(text(db, batch_size=1))
    whole = [one.forward()[0].tobytes() for _ in range(10)]
    assert whole == [each for pair in zip(*parts, strict=True) for each in pair]
    it = run(text(db, batch_size=1))
    it.layer.shard(1, 2)
    it.layer.set_position({"batches": 3, "seed": 0})
    assert it.forward()[0].tobytes() == whole[7]


def test_crops_are_in_the_middle_in_a_test(run, db):
    it = run(text(db, "transform_param { crop_h: 4 crop_w: 6 }", batch_size=1), phase=TEST)
    pixels = np.frombuffer(numbered(5)[0].datum.data, np.uint8).reshape(3, 8, 12)
    np.testing.assert_array_equal(it.forward()[0][0], pixels[:, 2:6, 3:9])
    _, rows = it.forward()
    np.testing.assert_allclose(rows[0, 0, 0, 3:7], [0, 0, 0.5, 1], atol=1e-6)


def test_images_of_several_sizes(run, tmp_path):
    db = make_lmdb(tmp_path / "sizes", numbered(1) + numbered(1, (3, 5, 6)))
    it = run(text(db, batch_size=1))
    assert [it.forward()[0].shape for _ in range(2)] == [(1, 3, 8, 12), (1, 3, 5, 6)]
    with pytest.raises(DataError, match=r"image is 3 x 5 x 6, expected 3 x 8 x 12"):
        run(text(db, batch_size=2)).forward()
    assert run(text(db, ALL, batch_size=2)).forward()[0].shape == (2, 3, 10, 10)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("transform_param { rotation: 5 }", "rotation is given"),
        ("transform_param { crop_h: 5 }", "crop_h is 5 and crop_w 0"),
        ("transform_param { crop_size: 9 }", "the crop is 9 x 9, expected at most 8 x 12"),
        ("transform_param { mean_value: [1, 2] }", "the mean has 2 channels"),
        ("transform_param { expand_param { max_expand_ratio: 0.5 } }", "max_expand_ratio is 0.5"),
        ("transform_param { expand_param { max_expand_ratio: nan } }", "max_expand_ratio is nan"),
        ("transform_param { expand_param { max_expand_ratio: 1e9 } }", "and at most 1000: sides"),
        ("transform_param { resize_param { height: 5 } }", "height 5 and width 0"),
        ("transform_param { expand_param { max_expand_ratio: 2 } }", "without a resize_param"),
        ("loader_param { balanced: true }", "loader_param has balanced"),
        (SAMPLERS, "batch_size is 3 without a resize_param"),
    ],
)
def test_refuses(run, db, more, says):
    with pytest.raises(LayerConfigError, match=says):
        run(text(db, more))


def test_refuses_other_records(run, tmp_path):
    with pytest.raises(DataError, match="has no datum, expected an AnnotatedDatum"):
        run(text(make_lmdb(tmp_path / "plain", plain(2))))
    with pytest.raises(DataError, match="no AnnotatedDatum"):
        run(text(make_lmdb(tmp_path / "junk", [b"\x0a\xff"])))
    floats = record(np.zeros((3, 4, 5), np.uint8))
    floats.datum.data, floats.datum.float_data[:] = b"", [0.5] * 60
    db = make_lmdb(tmp_path / "floats", [floats])
    assert run(text(db)).forward()[0].max() == 0.5
    with pytest.raises(LayerConfigError, match="distort_param is given, and an image has float32"):
        run(text(db, "transform_param { distort_param { brightness_prob: 1 } }"))


def test_a_bad_record_later_names_its_key(run, tmp_path):
    db = make_lmdb(tmp_path / "bad", [*numbered(2), b"\x0a\xff"])
    with pytest.raises(DataError, match="00000002"):
        run(text(db)).forward()


def test_shapes_without_data(run):
    it = run.type
    from minicaffe.device import cpu
    from minicaffe.layers import layer_classes
    from minicaffe.proto.minicaffe_pb2 import LayerParameter

    param = LayerParameter(name="it", type=it)
    param.data_param.batch_size = 4
    param.transform_param.resize_param.height = 30
    param.transform_param.resize_param.width = 20
    layer = layer_classes()[it](param, cpu())
    assert layer.declared_shapes(None) == [(4, 3, 30, 20), (1, 1, 1, 8)]
