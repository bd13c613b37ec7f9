"""BatchFiller: which records a batch has, images of several layouts, and bad ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data import batch as module
from minicaffe.data.batch import Batch, BatchFiller
from minicaffe.data.datum import DatumDecoder
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.transformer import Transformer
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import TransformationParameter
from tests.data.databases import datum, encoded, make_lmdb, numbered


def never():
    return False


@pytest.fixture
def filler(tmp_path):
    """Make a filler of a database of ``records``."""
    made = []

    def make(records, text="", train=False, **kwargs):
        param = text_format.Parse(text, TransformationParameter())
        name = make_lmdb(tmp_path / f"db{len(made)}", records)
        source, decoder = LmdbSource(name), DatumDecoder(name, param)
        transformer = Transformer(param, train=train, dtype=np.float64)
        made.append(BatchFiller(source, decoder, transformer, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def fill(it, size, number):
    batch = Batch(size, np.float64)
    it(batch, number, never)
    return batch


def pixels(record):
    return np.frombuffer(record.data, np.uint8).reshape(
        record.channels, record.height, record.width
    )


def test_batches_go_round(filler):
    records = numbered(7)
    it = filler(records)
    for number in range(6):
        batch = fill(it, 3, number)
        expected = [(number * 3 + i) % 7 for i in range(3)]
        assert batch.labels.tolist() == expected
        np.testing.assert_array_equal(batch.data, [pixels(records[i]) for i in expected])


@pytest.mark.parametrize("order", [[4, 0, 2], [3, 3]])
def test_any_batch_can_come_next(filler, order):
    it = filler(numbered(7))
    for number in order:
        assert fill(it, 3, number).labels.tolist() == [(number * 3 + i) % 7 for i in range(3)]


def test_a_batch_larger_than_the_database(filler):
    assert fill(filler(numbered(3)), 8, 1).labels.tolist() == [2, 0, 1, 2, 0, 1, 2, 0]


def test_skip(filler):
    assert fill(filler(numbered(7), skip=12), 4, 1).labels.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_records(filler, ranks):
    of_rank = [filler(numbered(7), rank=rank, ranks=ranks) for rank in range(ranks)]
    found = [np.concatenate([fill(it, 7, number).labels for number in range(2)]) for it in of_rank]
    dealt = np.stack(found, axis=1).reshape(-1)
    assert dealt.tolist() == list(range(7)) * ranks * 2


def test_a_rank_can_begin_at_any_batch(filler):
    records = numbered(11)
    straight = filler(records, rank=1, ranks=3, skip=2)
    for number in range(4):
        found = fill(filler(records, rank=1, ranks=3, skip=2), 2, number)
        assert found.labels.tolist() == fill(straight, 2, number).labels.tolist()


def test_chances_depend_on_seed_and_number_alone(filler):
    text = "crop_size: 3 mirror: true"
    records = numbered(5, (2, 6, 7))
    first = filler(records, text, train=True, seed=11)
    straight = [fill(first, 4, number).data for number in range(6)]
    for number in (5, 0, 3):
        again = filler(records, text, train=True, seed=11)
        np.testing.assert_array_equal(fill(again, 4, number).data, straight[number])
    other = fill(filler(records, text, train=True, seed=12), 4, 0).data
    assert not np.array_equal(other, straight[0])


@pytest.mark.parametrize("stage", [1, 60, 1 << 20])
def test_images_of_several_layouts(filler, rng, monkeypatch, stage):
    """Raw, float and encoded, of several sizes, are one batch once they are cropped."""
    monkeypatch.setattr(module, "STAGE", stage)
    shapes = [(3, 5, 7), (3, 5, 7), (3, 9, 6), (3, 6, 6), (3, 6, 6), (3, 7, 8), (3, 7, 8)]
    images = [rng.integers(0, 256, shape).astype(np.uint8) for shape in shapes]
    records = [datum(image, index) for index, image in enumerate(images)]
    records[4] = datum(images[4].astype(np.float32), 4)
    for index in (2, 6):
        file = cv2.imencode(".png", np.ascontiguousarray(images[index].transpose(1, 2, 0)))[1]
        records[index] = encoded(file.tobytes(), index)
    batch = fill(filler(records, "crop_size: 5"), 7, 0)
    assert batch.labels.tolist() == list(range(7))
    for image, found in zip(images, batch.data, strict=True):
        top, left = (image.shape[1] - 5) // 2, (image.shape[2] - 5) // 2
        np.testing.assert_array_equal(found, image[:, top : top + 5, left : left + 5])


@pytest.mark.parametrize("stage", [1, 60, 100])
def test_a_small_stage_changes_nothing(filler, monkeypatch, stage):
    records = numbered(9)
    text = "mirror: true scale: 0.5"
    expected = fill(filler(records, text, seed=3), 8, 0).data
    monkeypatch.setattr(module, "STAGE", stage)
    np.testing.assert_array_equal(fill(filler(records, text, seed=3), 8, 0).data, expected)


def test_memory_is_used_again(filler):
    records = [datum(np.full(shape, 9, np.uint8)) for shape in [(1, 4, 5), (1, 2, 3), (1, 4, 5)]]
    it, batch = filler(records), Batch(1, np.float64)
    it(batch, 0, never)
    memory = batch.data.base
    for number, shape in enumerate([(1, 1, 2, 3), (1, 1, 4, 5)], 1):
        it(batch, number, never)
        assert batch.data.shape == shape
        assert (batch.data == 9).all()
        assert batch.data.base is memory


def test_an_image_of_another_size_is_named(filler):
    records = [*numbered(2, (1, 4, 5)), datum(np.zeros((1, 5, 4), np.uint8))]
    with pytest.raises(
        DataError, match=r"db0 \(00000002\): image is 1 x 5 x 4, expected 1 x 4 x 5"
    ):
        fill(filler(records), 3, 0)


def test_an_image_that_is_too_small_is_named(filler):
    records = [*numbered(2, (1, 4, 5)), datum(np.zeros((1, 3, 5), np.uint8))]
    with pytest.raises(DataError, match=r"db0 \(00000002\): crop_size is 4, expected at most 3"):
        fill(filler(records, "crop_size: 4"), 3, 0)


def test_goes_on_after_an_error(filler):
    it = filler([*numbered(2), b"\xff\xff", *numbered(2)])
    with pytest.raises(DataError, match=r"\(00000002\): 2 bytes that are no Datum"):
        fill(it, 3, 0)
    assert fill(it, 2, 0).labels.tolist() == [0, 1]
    for _ in range(2):
        with pytest.raises(DataError, match=r"\(00000002\)"):
            fill(it, 2, 1)


def test_stops_between_records(filler):
    asked = iter([False, False, True])
    batch = Batch(7, np.float64)
    it = filler(numbered(7))
    it(batch, 0, lambda: next(asked))
    assert next(asked, "used up") == "used up"
    assert fill(it, 7, 1).labels.tolist() == list(range(7))


def test_a_batch_that_was_stopped_can_be_filled_again(filler):
    it = filler(numbered(7))
    fill(it, 3, 0)
    asked = iter([False, True])
    it(Batch(3, np.float64), 1, lambda: next(asked))
    assert fill(it, 3, 1).labels.tolist() == [3, 4, 5]
