"""AnnotatedFiller: which records and chances a batch has, in any parts, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.filler import PART, AnnotatedBatch, AnnotatedFiller
from minicaffe.data.annotated.record import AnnotatedDecoder
from minicaffe.data.annotated.transformer import AnnotatedTransformer
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import TransformationParameter
from tests.data.annotated.records import numbered, record
from tests.data.databases import make_lmdb

SHAPE = (3, 8, 12)
CHANCY = "mirror: true crop_size: 5 expand_param { max_expand_ratio: 2 } " + (
    "resize_param { height: 6 width: 7 }"
)


def never():
    return False


@pytest.fixture
def filler(tmp_path):
    """Make a filler of a database of ``records``."""
    made = []

    def make(records, text="", *, shape=SHAPE, boxes=True, **kwargs):
        param = text_format.Parse(text, TransformationParameter())
        name = make_lmdb(tmp_path / f"db{len(made)}", records)
        transform = AnnotatedTransformer(param, [], train=True)
        decode = AnnotatedDecoder(name, param)
        it = AnnotatedFiller(
            LmdbSource(name), decode, transform, shape=shape, boxes=boxes, **kwargs
        )
        made.append(it)
        return it

    yield make
    for each in made:
        each.close()


def fill(it, size, number):
    batch = AnnotatedBatch(size)
    for part in it(batch, number, never):
        part()
    return batch


def of(batch):
    """The number of each image of ``numbered`` records, by the labels."""
    return batch.labels.astype(int).tolist()


def test_batches_go_round(filler):
    records = numbered(7)
    it = filler(records, boxes=False)
    for number in range(6):
        expected = [(number * 3 + i) % 7 for i in range(3)]
        batch = fill(it, 3, number)
        assert of(batch) == expected
        pixels = [np.frombuffer(records[i].datum.data, np.uint8) for i in expected]
        np.testing.assert_array_equal(batch.images.data, np.reshape(pixels, (3, *SHAPE)))
        assert batch.arrays == (batch.images.data, batch.labels)


def test_rows_begin_with_the_place_in_the_batch(filler):
    it = filler(numbered(7))  # number n has n % 3 objects, whose instance is n
    for number in (0, 1, 4):
        rows = fill(it, 5, number).labels
        images = [(number * 5 + i) % 7 for i in range(5)]
        expected = [[i, n] for i, n in enumerate(images) for _ in range(n % 3)]
        assert rows.shape == (1, 1, len(expected), 8)
        np.testing.assert_array_equal(rows[0, 0][:, [0, 2]], expected)


def test_a_batch_without_objects_has_a_row_of_minus_one(filler):
    it = filler([numbered(1)[0]] * 2)
    assert fill(it, 2, 0).labels.tolist() == [[[[-1] * 8]]]


def test_a_batch_is_used_again(filler):
    it, batch = filler(numbered(3)), AnnotatedBatch(1)
    for number, count in enumerate([1, 1, 2, 1]):  # rows: of no object, too, one
        for part in it(batch, number, never):
            part()
        assert batch.labels.shape == (1, 1, count, 8)
        assert batch.labels.flags.c_contiguous
    assert batch.labels.dtype == batch.images.data.dtype == np.float32


@pytest.mark.parametrize("order", [[4, 0, 2], [3, 3], [0, 2, 1]])
def test_any_batch_can_come_next(filler, order):
    it = filler(numbered(7), boxes=False)
    for number in order:
        assert of(fill(it, 3, number)) == [(number * 3 + i) % 7 for i in range(3)]


def test_skip(filler):
    assert of(fill(filler(numbered(7), boxes=False, skip=12), 4, 1)) == [2, 3, 4, 5]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_records(filler, ranks):
    of_rank = [filler(numbered(7), boxes=False, rank=r, ranks=ranks) for r in range(ranks)]
    found = [[fill(it, 7, number).labels for number in range(2)] for it in of_rank]
    dealt = np.stack([np.concatenate(each) for each in found], axis=1).reshape(-1)
    assert dealt.tolist() == list(range(7)) * ranks * 2


def test_a_rank_can_begin_at_any_batch(filler):
    kwargs = {"boxes": False, "rank": 1, "ranks": 3, "skip": 2}
    straight = filler(numbered(11), **kwargs)
    for number in range(4):
        found = fill(filler(numbered(11), **kwargs), 2, number)
        assert of(found) == of(fill(straight, 2, number))


def test_chances_depend_on_seed_and_number_alone(filler):
    records, shape = numbered(5), (3, 5, 5)
    first = filler(records, CHANCY, shape=shape, seed=11)
    straight = [fill(first, 4, number) for number in range(6)]
    for number in (5, 0, 3):
        again = fill(filler(records, CHANCY, shape=shape, seed=11), 4, number)
        for mine, right in zip(again.arrays, straight[number].arrays, strict=True):
            np.testing.assert_array_equal(mine, right)
    other = fill(filler(records, CHANCY, shape=shape, seed=12), 4, 0)
    assert not np.array_equal(other.images.data, straight[0].images.data)


def test_no_two_images_have_the_same_chances(filler):
    """Of a database of one record, over batches and over ranks."""
    of_rank = [
        filler(numbered(1), CHANCY, shape=(3, 5, 5), rank=rank, ranks=2) for rank in range(2)
    ]
    images = [
        image.tobytes() for it in of_rank for n in range(3) for image in fill(it, 4, n).images.data
    ]
    assert len(set(images)) == 24


@pytest.mark.parametrize("size", [1, PART, PART + 1, 3 * PART - 1])
def test_parts_in_any_order_and_on_threads(filler, size):
    records, shape = numbered(11), (3, 5, 5)
    it = filler(records, CHANCY, shape=shape)
    expected = fill(it, size, 1)
    batch = AnnotatedBatch(size)
    parts = list(it(batch, 1, never))
    assert len(parts) == -(-size // PART)
    for part in reversed(parts):
        part()
    threaded = AnnotatedBatch(size)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda part: part(), it(threaded, 1, never)))
    for found in (batch, threaded):
        for mine, right in zip(found.arrays, expected.arrays, strict=True):
            np.testing.assert_array_equal(mine, right)


def test_who_is_stopped_does_no_more_and_goes_on_rightly(filler):
    it, batch = filler(numbered(7), boxes=False), AnnotatedBatch(6)
    fill(it, 6, 0)
    batch.images.fit(SHAPE)
    batch.images.data[...] = batch.labels[...] = -7
    answers = iter([False, False, True, True])  # to who makes parts, to the first one, twice
    for part in it(batch, 1, lambda: next(answers)):
        part()
    assert (batch.images.data[0] >= 0).all()
    assert (batch.images.data[1:] == -7).all()
    assert (batch.labels == -7).all()
    assert of(fill(it, 6, 1)) == [6, 0, 1, 2, 3, 4]


def test_alone_each_image_has_its_own_size(filler):
    it = filler(numbered(1) + numbered(1, (3, 5, 6)) + numbered(1, (1, 4, 9)), shape=None)
    shapes = [fill(it, 1, number).images.data.shape for number in range(4)]
    assert shapes == [(1, 3, 8, 12), (1, 3, 5, 6), (1, 1, 4, 9), (1, 3, 8, 12)]


def test_another_size_than_the_first_is_named(filler):
    it = filler([*numbered(2), *numbered(1, (3, 5, 6)), *numbered(1)], boxes=False)
    with pytest.raises(DataError, match=r"\(00000002\): image is 3 x 5 x 6, expected 3 x 8 x 12"):
        fill(it, 4, 0)
    assert of(fill(it, 2, 0)) == [0, 1]
    assert of(fill(it, 1, 3)) == [0]


def test_what_cannot_be_done_to_an_image_is_named(filler):
    it = filler([*numbered(1), *numbered(1, (3, 4, 12))], "crop_h: 6 crop_w: 6", shape=(3, 6, 6))
    with pytest.raises(DataError, match=r"\(00000001\): the crop is 6 x 6, expected at most 4 x"):
        fill(it, 2, 0)


def test_a_damaged_record_is_named_and_the_rest_goes_on(filler):
    it = filler([*numbered(2), b"\x0a\xff", *numbered(1)], boxes=False)
    with pytest.raises(DataError, match=r"\(00000002\): 2 bytes that are no AnnotatedDatum"):
        fill(it, 3, 0)
    assert of(fill(it, 1, 3)) == [0]


def test_a_source_that_ends():
    param = TransformationParameter()
    source = SimpleNamespace(records=lambda *_: iter(()), name="the db")
    decode, transform = AnnotatedDecoder("", param), AnnotatedTransformer(param, [], train=True)
    it = AnnotatedFiller(source, decode, transform, shape=SHAPE, boxes=True)
    with pytest.raises(DataError, match=r"^the db: there are no more records, expected more"):
        fill(it, 2, 0)


def test_labels_of_records_without_boxes(filler):
    records = [record(np.full(SHAPE, n, np.uint8), label=7 - n, boxes=False) for n in range(3)]
    batch = fill(filler(records, boxes=False), 4, 0)
    assert batch.labels.tolist() == [7, 6, 5, 7]
    assert batch.images.data[:, 0, 0, 0].tolist() == [0, 1, 2, 0]
