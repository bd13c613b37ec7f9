"""Inspecting databases and lists: what is counted, and what is broken."""

from __future__ import annotations

import cv2
import numpy as np

from minicaffe.data import inspection
from minicaffe.data.contact_sheet import ContactSheet
from minicaffe.data.entries import open_records
from minicaffe.data.inspection import Spread, inspect
from minicaffe.errors import DataError
from tests.data.databases import encoded, make_lmdb, numbered


def look(name, **options):
    records = open_records(str(name))
    try:
        return inspect(records, **options)
    finally:
        records.close()


def jpeg(height=8, width=9):
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def test_numbers(rng):
    values = rng.normal(1000, 3, 57)
    spread = Spread()
    for part in np.split(values, [0, 1, 20]):
        spread.add(part)
    spread.add(np.array([np.nan, np.inf]))
    assert (spread.count, spread.odd) == (57, 2)
    assert (spread.low, spread.high) == (values.min(), values.max())
    np.testing.assert_allclose([spread.mean, spread.std], [values.mean(), values.std()], 1e-12)
    assert Spread().std == 0


def test_a_database(tmp_path):
    made = numbered(9)
    found = look(make_lmdb(tmp_path / "db", made))
    assert (found.kind, found.count, found.read) == ("LMDB", 9, 9)
    assert found.nbytes == sum(len(each.SerializeToString()) for each in made)
    assert (found.first, found.last) == ("00000000", "00000008")
    assert found.forms == {"raw": 9}
    assert found.shapes == {(2, 3, 4): 9}
    assert found.labels == dict.fromkeys(range(9), 1)
    pixels = np.stack([np.frombuffer(each.data, np.uint8).reshape(2, -1) for each in made])
    for channel, spread in enumerate(found.channels):
        of = pixels[:, channel]
        assert (spread.low, spread.high) == (of.min(), of.max())
        np.testing.assert_allclose([spread.mean, spread.std], [of.mean(), of.std()])
    assert len(found.channels) == 2
    assert found.is_sound


def test_limit_and_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(inspection, "SAMPLE", 100)
    name = make_lmdb(tmp_path / "db", numbered(300))
    seen = []
    found = look(name, limit=290, on_read=seen.append)
    assert (found.count, found.read, found.decoded, found.looked) == (300, 290, 290, 97)
    assert seen == [128, 256, 290]
    assert look(name, every=True).looked == 300


def test_encoded_images_are_decoded_in_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(inspection, "SAMPLE", 4)
    name = make_lmdb(tmp_path / "db", [encoded(jpeg(8 + i), i) for i in range(12)])
    found = look(name)
    assert (found.forms, found.decoded) == ({"JPEG": 12}, 4)
    assert found.shapes == {(3, 8 + i, 9): 1 for i in (0, 3, 6, 9)}
    found = look(name, every=True)
    assert (found.decoded, found.looked, len(found.shapes)) == (12, 12, 12)
    sheet = ContactSheet(1, 1)
    assert look(name, sheet=sheet).decoded == 4  # the sheet's own is one of them


def test_vectors(tmp_path):
    made = numbered(6)
    for index, each in enumerate(made):
        each.float_label.extend([index, -index / 2][: 1 if index == 3 else 2])
    found = look(make_lmdb(tmp_path / "db", made))
    assert found.vectors == {2: 5, 1: 1}
    assert not found.labels
    assert [(each.low, each.high) for each in found.columns] == [(0, 5), (-2.5, 0)]


def test_broken_records(tmp_path):
    made = numbered(5)
    made[1].data = made[1].data[:-1]
    records = [*made[:3], b"\xff\xff", encoded(b"\x89PNG and no more"), encoded(b""), made[4]]
    found = look(make_lmdb(tmp_path / "db", records))
    assert not found.is_sound
    assert found.broken_count == 4
    assert found.broken == [
        ("00000001", "Datum holds 23 bytes, expected 2 x 3 x 4"),
        ("00000003", "2 bytes that are no Datum: damaged?"),
        ("00000004", "encoded image of 16 bytes is a damaged PNG"),
        ("00000005", "encoded image of 0 bytes is no image that OpenCV knows"),
    ]
    assert (found.read, found.decoded) == (7, 3)


def test_what_cannot_be_kept_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(inspection, "MOST", 3)
    monkeypatch.setattr(inspection, "KEPT", 2)
    found = look(make_lmdb(tmp_path / "db", [*numbered(9), b"\xff", b"\xff", b"\xff"]))
    assert found.labels == {0: 1, 1: 1, 2: 1}
    assert (found.lowest, found.highest) == (0, 8)
    assert (found.broken_count, len(found.broken)) == (3, 2)


def test_a_database_that_ends_early(tmp_path, monkeypatch):
    name = make_lmdb(tmp_path / "db", numbered(5))
    records = open_records(name)

    def broken():
        yield from list(type(records).records(records))[:3]
        raise DataError("page 7 is damaged", name)

    monkeypatch.setattr(records, "records", broken)
    found = inspect(records)
    assert (found.read, found.stopped, found.is_sound) == (3, "page 7 is damaged", False)
