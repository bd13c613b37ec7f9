"""BatchFiller: which records a batch has, in any parts, images of several layouts, bad ones."""

from __future__ import annotations

import threading
from itertools import islice
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from minicaffe.data import batch_filler as module
from minicaffe.data.bad_records import BadRecords
from minicaffe.data.batch import Batch
from minicaffe.data.batch_filler import BatchFiller
from minicaffe.data.datum import DatumDecoder
from minicaffe.data.image import Image, Layout
from minicaffe.data.image_list import ImageList, Line
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.sampling import sampled
from minicaffe.data.transformer import Transformer
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import LoaderParameter, TransformationParameter
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


def refill(it, batch, number, stopped=never):
    """Do the parts one after the other."""
    for part in it(batch, number, stopped):
        part()
    return batch


def fill(it, size, number):
    return refill(it, Batch(size, np.float64), number)


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
    refill(it, batch, 0)
    memory = batch.data.base
    for number, shape in enumerate([(1, 1, 2, 3), (1, 1, 4, 5)], 1):
        refill(it, batch, number)
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
    for times in range(1, 5):
        asked = iter([False] * times + [True])
        it = filler(numbered(7))
        refill(it, Batch(7, np.float64), 0, lambda asked=asked: next(asked, True))
        assert fill(it, 7, 1).labels.tolist() == list(range(7))


def test_a_batch_that_was_stopped_can_be_filled_again(filler):
    it = filler(numbered(7))
    fill(it, 3, 0)
    asked = iter([False, False, True])
    refill(it, Batch(3, np.float64), 1, lambda: next(asked, True))
    assert fill(it, 3, 1).labels.tolist() == [3, 4, 5]


def at_once(it, batch, number):
    """Do the parts in threads of their own, the last one first as far as they can be."""
    errors = []

    def run(part):
        try:
            part()
        except DataError as error:
            errors.append(error)

    parts = [threading.Thread(target=run, args=(part,)) for part in it(batch, number, never)]
    for part in reversed(parts):
        part.start()
    for part in parts:
        part.join()
    if errors:
        raise errors[0]
    return batch


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_parts_may_be_done_in_any_order_and_at_once(filler, monkeypatch, size):
    monkeypatch.setattr(module, "FIRST_PART", 1)
    monkeypatch.setattr(module, "STAGE", 1)
    records, text = numbered(7, (2, 6, 9)), "crop_size: 4 mirror: true"
    it, one = (filler(records, text, train=True, seed=3) for _ in range(2))
    monkeypatch.setattr(one, "_part", 100)
    for number in (0, 1, 5):
        expected = refill(one, Batch(size), number)
        found = at_once(it, Batch(size), number)
        assert found.data.tobytes() == expected.data.tobytes()
        assert found.labels.tolist() == expected.labels.tolist()


def test_a_part_waits_for_the_shape_until_the_first_has_failed(filler, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PART", 1)
    it = filler([b"\xff", *numbered(2)])
    with pytest.raises(DataError, match=r"00000000\): 1 bytes that are no Datum"):
        at_once(it, Batch(3), 0)


def test_a_part_that_waits_for_the_shape_can_be_stopped(filler, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PART", 1)
    stopped = threading.Event()
    generator = filler(numbered(2))(Batch(2), 0, stopped.is_set)
    next(generator)
    second = threading.Thread(target=next(generator))
    second.start()
    stopped.set()
    second.join(2)
    assert not second.is_alive()


def test_what_was_read_before_an_error_of_the_source_is_done_first(filler, monkeypatch):
    """So that the error of a batch is the first one, whatever its parts are."""

    def records(start, step):
        yield b"a", b"\xff"
        raise DataError("cannot be read", "db")

    it = filler(numbered(2))
    monkeypatch.setattr(it, "_source", SimpleNamespace(records=records, name="db", close=int))
    with pytest.raises(DataError, match=r"db0 \(a\): 1 bytes that are no Datum"):
        fill(it, 2, 0)


def test_a_source_that_ends_is_an_error(filler, monkeypatch):
    it = filler(numbered(2))
    monkeypatch.setattr(LmdbSource, "records", lambda *args: iter([]))
    with pytest.raises(DataError, match="there are no more records"):
        fill(it, 2, 0)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 12),
    ranks=st.integers(1, 5),
    batch_size=st.integers(1, 6),
    skip=st.integers(0, 20),
    text=st.sampled_from(
        ["", "shuffle_buffer: 4", "shuffle_buffer: 99", "shuffle_buffer: 3 share_to: 0.7"]
    ),
    seed=st.integers(0, 9),
)
def test_each_pass_of_all_ranks_is_each_record_once(size, ranks, batch_size, skip, text, seed):
    """However many ranks and of whatever batches; the pass may begin anywhere."""
    loader = text_format.Parse(text, LoaderParameter())
    source = ImageList("list", [Line(i, f"{i}.png", i) for i in range(40)])
    chosen = sampled(source, loader, seed, lambda key, record: record[1])
    wanted = {record[1] for _, record in islice(chosen.records(0), len(chosen))}
    passes, transform = 2, Transformer(TransformationParameter(), train=False)

    def decode(key, record):
        return Image(Layout(1, 1, 1), b"0", record[1])

    dealt = []
    batches = -(-(passes + 1) * len(chosen) // (ranks * batch_size)) + 1
    for rank in range(ranks):
        it = BatchFiller(chosen, decode, transform, skip=skip, rank=rank, ranks=ranks)
        dealt.append(
            np.concatenate([fill(it, batch_size, number).labels for number in range(batches)])
        )
    order = np.stack(dealt, axis=1).reshape(-1).astype(int)
    begin = -skip % len(chosen)
    for epoch in range(passes):
        one = order[begin + epoch * len(chosen) :][: len(chosen)]
        assert len(set(one)) == len(chosen)
        assert set(one) == wanted


BAD = b"\xff\xff"


def with_bad(*places, count=7):
    records = numbered(count, (1, 4, 5))
    for place in places:
        records[place] = BAD
    return records


def skipping(filler, records, shape=(1, 4, 5), text="", **kwargs):
    it = filler(records, text, bad=BadRecords(), shape=shape, **kwargs)
    return it, it._bad


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ([1], [[0, 2, 2], [3, 4, 5], [6, 0, 6]]),
        ([2], [[0, 1, 0], [3, 4, 5], [6, 0, 1]]),
        ([0, 1], [[2, 2, 2], [3, 4, 5], [6, 6, 6]]),
        ([3, 4, 5], [[0, 1, 2], [6, 6, 6], [6, 0, 1]]),
        ([3, 4, 5, 6], [[0, 1, 2], [0, 0, 0], [0, 0, 1]]),
    ],
)
def test_a_bad_record_is_replaced_by_the_next_good_one(filler, monkeypatch, bad, expected):
    for part in (1, 2, 16):
        monkeypatch.setattr(module, "FIRST_PART", part)
        it, found = skipping(filler, with_bad(*bad))
        batches = [fill(it, 3, number) for number in range(3)]
        assert [batch.labels.tolist() for batch in batches] == expected
        records = numbered(7, (1, 4, 5))
        for batch in batches:
            images = [pixels(records[int(label)]) for label in batch.labels]
            np.testing.assert_array_equal(batch.data, images)
        assert len(found) == len(bad)


@pytest.mark.parametrize("order", [[1, 0, 2], [2], [0, 1, 2]])
def test_what_replaces_a_bad_record_depends_on_the_batch_alone(filler, order):
    records = with_bad(1, 3, 4, 5)
    straight, _ = skipping(filler, records)
    expected = [fill(straight, 2, number).labels.tolist() for number in range(5)]
    it, _ = skipping(filler, records)
    for number in order:
        assert fill(it, 2, number).labels.tolist() == expected[number]


def test_one_by_one_a_bad_record_is_the_next(filler):
    it, _ = skipping(filler, with_bad(1, 2), shape=None)
    assert [fill(it, 1, n).labels.tolist() for n in range(5)] == [[0], [3], [3], [3], [4]]


def test_what_does_not_fit_is_left_out_too(filler):
    records = numbered(7, (1, 4, 5))
    records[0] = datum(np.zeros((1, 5, 4), np.uint8), 90)
    records[3] = datum(np.zeros((1, 3, 9), np.uint8), 91)
    records[4].float_label.extend([1, 2])
    it, bad = skipping(filler, records)
    assert fill(it, 7, 0).labels.tolist() == [1, 1, 2, 5, 5, 5, 6]
    assert len(bad) == 3


def test_a_source_without_a_good_record(filler):
    it, _ = skipping(filler, [BAD] * 5)
    with pytest.raises(DataError, match="db0: all records are bad, 5 of them") as caught:
        fill(it, 2, 0)
    assert "no Datum" in str(caught.value.__cause__)


def test_bad_records_are_listed_once_and_counted(filler, caplog):
    it, _ = skipping(filler, with_bad(2, 5))
    for number in range(7):
        fill(it, 3, number)
    it.close()
    lines = [line.getMessage() for line in caplog.records]
    assert [line for line in lines if "leaves out" in line] == [
        f"skip_bad leaves out {it._source.name} (0000000{place}): 2 bytes that are no Datum: "
        "damaged?"
        for place in (2, 5)
    ]
    assert lines[-1] == "skip_bad has left out 2 record(s) so far, 6 time(s)"
    after_a_pass = "skip_bad has left out 2 record(s) so far, 2 time(s)"
    assert lines.count(after_a_pass) == 1


def labelled(*labels):
    records = numbered(len(labels), (1, 2, 3))
    for record, label in zip(records, labels, strict=True):
        record.float_label.extend(label)
    return records


def test_labels_of_several_numbers(filler):
    labels = [[0.5, -1, 2], [1e-3, 4, 5], [7, 8, 9]]
    batch = fill(filler(labelled(*labels), labels=(3,)), 4, 0)
    np.testing.assert_array_equal(batch.labels, np.float32([*labels, labels[0]]))


def test_one_number_that_is_not_whole(filler):
    assert fill(filler(labelled([0.5], [], [2.25])), 3, 0).labels.tolist() == [0.5, 1, 2.25]


@pytest.mark.parametrize(
    ("labels", "expected", "message"),
    [
        ([[1, 2], [3, 4], [5]], (2,), r"00000002\): record has 1 label\(s\), expected 2 as the"),
        ([[1], [2, 3], [5]], (), r"00000001\): record has 2 label\(s\), expected 1 as the"),
        ([[1, 2], [3, 4, 5]], (2,), r"00000001\): record has 3 label\(s\), expected 2 as the"),
    ],
)
def test_another_number_of_labels_is_named(filler, labels, expected, message):
    with pytest.raises(DataError, match=message):
        fill(filler(labelled(*labels), labels=expected), len(labels), 0)
