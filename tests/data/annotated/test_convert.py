"""convert of annotated images: records byte for byte, boxes by hand, sizes, lists, refusals."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from minicaffe.data.annotated.convert import (
    AnnotatedConversion,
    AnnotatedEntry,
    convert_annotated,
    read_annotated_entries,
    shuffled,
)
from minicaffe.data.convert import Conversion, Entry
from minicaffe.data.thread_map import BadItems
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum

STRICT = BadItems("io.cpp:1", skip=False)
LABELS = {"cat": 8, "dog": 3}
OBJECT = """<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin>
<ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""
OBJECTS = [
    ("cat", 0, 10, 3, 20, 15),
    ("dog", 1, -5, 0, 20, 60),
    ("cat", 1, 0, 0, 40, 30),
]


def annotation(objects=OBJECTS, size=(30, 40)):
    height, width = size
    told = f"<size><width>{width}</width><height>{height}</height></size>" if height else ""
    return f"<annotation>{told}{''.join(OBJECT.format(*each) for each in objects)}</annotation>"


@pytest.fixture
def folder(tmp_path, rng):
    """An image of 30 x 40 with three objects, one of 24 x 18 that has none."""
    for name, shape in (("a", (30, 40, 3)), ("b", (24, 18, 3))):
        small = rng.integers(0, 256, (3, 4, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.resize(small, shape[1::-1]))
    (tmp_path / "a.xml").write_text(annotation())
    (tmp_path / "b.xml").write_text(annotation([], (24, 18)))
    return tmp_path


def entry(name="a", label=-1.0, number=0):
    return AnnotatedEntry(Entry(number, number + 1, f"{name}.png", (label,)), f"{name}.xml")


def conversion(folder, *, kind="xml", least=0, most=0, **options):
    images = Conversion("the list", root=f"{folder}/", **options)
    return AnnotatedConversion(images, kind, LABELS, least, most)


def made(folder, which=None, **options):
    _, record, _ = conversion(folder, **options)(which or entry())
    return AnnotatedDatum.FromString(record)


def boxes(record):
    """Class, instance, difficult and the box of each object, group by group."""
    sides = ("xmin", "ymin", "xmax", "ymax")
    return [
        (group.group_label, each.instance_id, each.bbox.difficult, *(
            round(getattr(each.bbox, side), 6) for side in sides))
        for group in record.annotation_group
        for each in group.annotation
    ]  # fmt: skip


def test_boxes_are_shares_by_class_and_end_at_the_border(folder):
    expected = [
        (8, 0, False, 0.25, 0.1, 0.5, 0.5),
        (8, 1, True, 0, 0, 1, 1),
        (3, 0, True, 0, 0, 0.5, 1),
    ]
    assert boxes(made(folder)) == expected
    assert boxes(made(folder, size=(11, 7))) == expected  # whatever size the image gets


def test_every_field(folder):
    key, record, layout = conversion(folder)(entry(number=12))
    assert key == b"00000012_a.png"
    assert layout[:3] == (3, 30, 40)
    found = AnnotatedDatum.FromString(record)
    pixels = cv2.imread(str(folder / "a.png")).transpose(2, 0, 1)
    assert found.datum.data == pixels.tobytes()
    assert (found.datum.label, found.HasField("type")) == (-1, True)
    assert found.type == AnnotatedDatum.BBOX


@pytest.mark.parametrize("size", [(1, 1), (6, 7), (64, 128), (75, 100)])
@pytest.mark.parametrize("kind", ["xml", ""])
def test_records_are_as_protobuf_writes_them(folder, size, kind):
    """Of some 10 to 22,500 bytes, whose number takes one to three bytes."""
    _, record, _ = conversion(folder, kind=kind, size=size)(entry(label=5))
    again = AnnotatedDatum.FromString(record).SerializeToString(deterministic=True)
    assert record == again
    assert len(record) > 3 * size[0] * size[1]


def test_an_image_without_objects(folder):
    found = made(folder, entry("b"))
    assert (boxes(found), found.type, found.HasField("type")) == ([], AnnotatedDatum.BBOX, True)


def test_labels_in_place_of_annotations(folder):
    found = made(folder, entry(label=7), kind="")  # whose annotation is not looked for
    assert (found.datum.label, found.HasField("type"), boxes(found)) == (7, False, [])


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"least": 15}, (15, 20)),
        ({"least": 60}, (60, 80)),
        ({"least": 15, "most": 10}, (8, 10)),
        ({"least": 15, "most": 20}, (15, 20)),
        ({"most": 10}, (8, 10)),
        ({"most": 50}, (30, 40)),
        ({"most": 1}, (1, 1)),
        ({"least": 15, "size": (5, 9)}, (5, 9)),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_the_shorter_side_is_scaled_and_the_longer_one_bounded(folder, options, size, encoded):
    _, record, layout = conversion(folder, encoded=encoded, **options)(entry())
    assert layout[1:3] == size
    datum = AnnotatedDatum.FromString(record).datum
    pixels = cv2.resize(cv2.imread(str(folder / "a.png")), size[::-1])
    if encoded:
        found = cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_COLOR)
    else:
        found = np.frombuffer(datum.data, np.uint8).reshape(3, *size).transpose(1, 2, 0)
    np.testing.assert_array_equal(found, pixels)


def test_a_size_that_the_annotation_lacks_is_the_images(folder):
    expected = boxes(made(folder))
    (folder / "a.xml").write_text(annotation(size=(0, 0)))
    for options in ({}, {"size": (11, 7)}, {"least": 15}):
        assert boxes(made(folder, **options)) == expected


def test_a_size_that_the_annotation_tells_goes_before_the_images(folder, caplog):
    (folder / "a.xml").write_text(annotation([("cat", 0, 10, 3, 20, 15)], (30, 80)))
    assert boxes(made(folder)) == [(8, 0, False, 0.125, 0.1, 0.25, 0.5)]
    (message,) = caplog.messages
    assert "a.xml is of an image 30 x 80, and a.png is 30 x 40" in message


def test_what_is_not_seen_is_left_out(folder, caplog):
    hidden = [("cat", 0, 50, 0, 60, 10), ("cat", 0, 9, 9, 9, 12), ("dog", 0, 20, 5, 10, 9)]
    (folder / "a.xml").write_text(annotation([*hidden, ("cat", 0, 10, 3, 20, 15)]))
    assert boxes(made(folder)) == [(8, 0, False, 0.25, 0.1, 0.5, 0.5)]
    assert [message.count("is left out: nothing of it") for message in caplog.messages] == [1] * 3


def test_whoever_is_bad_is_named_with_its_line(folder):
    (folder / "a.xml").write_text(annotation([("cow", 0, 1, 2, 3, 4)]))
    says = r"^the list \(line 5\): .*a.xml: class 'cow' is not in the label map"
    with pytest.raises(DataError, match=says):
        conversion(folder)(entry(number=4))
    (folder / "a.xml").unlink()
    with pytest.raises(DataError, match=r"^the list \(line 5\): .*a.xml: annotation cannot be re"):
        conversion(folder)(entry(number=4))
    (folder / "a.png").write_bytes(b"no image")
    for options in ({}, {"least": 15}):  # which has to look at the image first
        with pytest.raises(DataError, match=r"^the list \(line 5, a.png\): "):
            conversion(folder, **options)(entry(number=4))


def listing(folder, text):
    (folder / "list").write_text(text)
    return str(folder / "list")


def test_a_list(folder):
    name = listing(folder, "a.png a.xml\n\nwith a space.png\tb.xml\r\nc.png  dir/c.xml")
    assert read_annotated_entries(name, "xml", STRICT) == [
        AnnotatedEntry(Entry(0, 1, "a.png", (-1,)), "a.xml"),
        AnnotatedEntry(Entry(1, 3, "with a space.png", (-1,)), "b.xml"),
        AnnotatedEntry(Entry(2, 4, "c.png", (-1,)), "dir/c.xml"),
    ]
    name = listing(folder, "a.png 7\nthe b.png -3\n")
    found = read_annotated_entries(name, "", STRICT)
    assert [each.image for each in found] == [
        Entry(0, 1, "a.png", (7,)),
        Entry(1, 2, "the b.png", (-3,)),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("a.png a.xml\nb.png\n", "xml", r"\(line 2\): is 'b.png', expected an image and its ann"),
        ("a.png cat\n", "", r"\(line 1\): is 'a.png cat', expected an image and a whole number"),
        ("a.png 0.5\n", "", r"\(line 1\): is 'a.png 0.5', expected an image and a whole number"),
        ("a.png\n", "", r"\(line 1\): is 'a.png', expected an image and a whole number"),
        ("", "xml", "the file is empty, expected an image and its annotation, one a line"),
    ],
)
def test_refuses_lines(folder, text, kind, says):
    with pytest.raises(DataError, match=says):
        read_annotated_entries(listing(folder, text), kind, STRICT)


def test_skips_lines(folder):
    bad = BadItems("io.cpp:1", skip=True)
    name = listing(folder, "a.png\nb.png b.xml\nc.png\nd.png d.xml\n")
    found = read_annotated_entries(name, "xml", bad)
    assert [each.image[:3] for each in found] == [(0, 2, "b.png"), (1, 4, "d.png")]
    assert bad.count == 2


def test_shuffled():
    entries = [entry(str(number), number=number) for number in range(20)]
    found = shuffled(entries, 5)
    assert [each.image.number for each in found] == list(range(20))
    assert [each.annotation for each in found] != [each.annotation for each in entries]
    assert all(each.annotation == each.image.name.replace("png", "xml") for each in found)
    assert sorted(each.image.line for each in found) == list(range(1, 21))
    assert found == shuffled(entries, 5)
    assert found != shuffled(entries, 6)


@pytest.mark.parametrize("threads", [1, 3])
def test_all_in_their_order(folder, threads):
    entries = [entry("ab"[number % 2], number=number) for number in range(9)]
    found = list(convert_annotated(entries, conversion(folder), STRICT, threads=threads))
    assert found == [conversion(folder)(each)[:2] for each in entries]


def test_sizes_can_be_held_to_the_first(folder):
    entries = [entry("a"), entry("a", number=1), entry("b", number=2)]
    it = conversion(folder)
    assert len(list(convert_annotated(entries, it, STRICT))) == 3
    says = r"^the list \(00000002_b.png\): image is 3 x 24 x 18, expected 3 x 30 x 40 as of 0000"
    with pytest.raises(DataError, match=says):
        list(convert_annotated(entries, it, STRICT, check_size=True))
    scaled = replace(it, images=replace(it.images, size=(8, 6)))
    assert len(list(convert_annotated(entries, scaled, STRICT, check_size=True))) == 3


def test_what_cannot_be_read_is_left_out_if_asked_for(folder):
    (folder / "a.xml").write_text("<annotation>")
    entries = [entry("a"), entry("b", number=1), entry("none", number=2)]
    with pytest.raises(DataError, match=r"a.xml: is no XML"):
        list(convert_annotated(entries, conversion(folder), STRICT))
    bad = BadItems("io.cpp:1", skip=True)
    found = list(convert_annotated(entries, conversion(folder), bad))
    assert ([key for key, _ in found], bad.count) == ([b"00000001_b.png"], 2)
    with pytest.raises(DataError, match=r"^the list: none of its images can be read"):
        list(convert_annotated(entries[:1], conversion(folder), bad))
