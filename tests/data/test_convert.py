"""convert: the original's records byte for byte, encodings, labels, sizes, and refusals."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from minicaffe.data.convert import Conversion, Entry, convert, read_entries, shuffled
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.thread_map import BadItems
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import Datum

GOLDEN = Path(__file__).parents[1] / "golden" / "data"
STRICT = BadItems("io.cpp:1", skip=False)
SHAPES = {"a.png": (6, 9, 3), "b.jpg": (16, 24, 3), "dir/c.JPEG": (8, 10, 3), "gray.png": (5, 7)}


@pytest.fixture
def folder(tmp_path, rng):
    """Images of four sizes, one of them grey."""
    (tmp_path / "dir").mkdir()
    for name, shape in SHAPES.items():
        small = rng.integers(0, 256, (3, 4, *shape[2:])).astype(np.uint8)
        image = cv2.resize(small, shape[1::-1])
        cv2.imwrite(str(tmp_path / name), image)
    return tmp_path


def made(folder, name, labels=(3,), **options):
    """The Datum of one image."""
    conversion = Conversion("list.txt", root=f"{folder}/", **options)
    return Datum.FromString(conversion(Entry(0, 1, name, labels)).record)


def pixels(folder, name, flag=cv2.IMREAD_COLOR):
    return cv2.imread(str(folder / name), flag)


def array(datum):
    return np.frombuffer(datum.data, np.uint8).reshape(datum.channels, datum.height, datum.width)


def decoded(datum):
    return cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("database", "options"),
    [
        ("db.lmdb", {}),
        ("db_encoded.lmdb", {"encoded": True}),
        ("db_gray.lmdb", {"gray": True, "size": (8, 8)}),
    ],
)
def test_records_are_those_of_the_original(database, options, threads):
    entries = read_entries(str(GOLDEN / "list.txt"), 0, STRICT)
    conversion = Conversion("list.txt", root=f"{GOLDEN}/images/", **options)
    source = LmdbSource(str(GOLDEN / database))
    expected = list(islice(source.records(0), len(source)))
    assert list(convert(entries, conversion, STRICT, threads=threads)) == expected


def test_key_and_every_field(folder):
    conversion = Conversion("list.txt", root=f"{folder}/")
    found = conversion(Entry(12, 5, "dir/c.JPEG", (-7,)))
    assert found.key == b"00000012_dir/c.JPEG"
    assert found.layout[:3] == (3, 8, 10)
    datum = Datum.FromString(found.record)
    assert [field.name for field, _ in datum.ListFields()] == [
        *("channels", "height", "width", "data", "label", "encoded")
    ]
    assert datum.label == -7
    np.testing.assert_array_equal(array(datum), pixels(folder, "dir/c.JPEG").transpose(2, 0, 1))


@pytest.mark.parametrize("size", [(1, 1), (6, 7), (7, 6), (64, 128), (75, 100)])
@pytest.mark.parametrize("labels", [(3,), (-7,), (0.5, -2)])
def test_records_are_as_protobuf_writes_them(folder, size, labels):
    """Of 3 to 22500 bytes, whose number takes one to three bytes."""
    dim = 2 if len(labels) == 2 else 0
    conversion = Conversion("list.txt", f"{folder}/", size=size, label_dim=dim)
    found = conversion(Entry(0, 1, "b.jpg", labels))
    datum = Datum(channels=3, height=size[0], width=size[1], encoded=False)
    image = cv2.resize(pixels(folder, "b.jpg"), size[::-1])
    datum.data = image.transpose(2, 0, 1).tobytes()
    if dim:
        datum.float_label.extend(labels)
    else:
        datum.label = labels[0]
    assert found.record == datum.SerializeToString(deterministic=True)


def test_gray_files_become_colour_and_the_other_way_round(folder):
    np.testing.assert_array_equal(
        array(made(folder, "gray.png")), pixels(folder, "gray.png").transpose(2, 0, 1)
    )
    np.testing.assert_array_equal(
        array(made(folder, "a.png", gray=True))[0], pixels(folder, "a.png", cv2.IMREAD_GRAYSCALE)
    )


def test_size_is_height_and_width(folder):
    expected = cv2.resize(pixels(folder, "a.png"), (5, 11))
    np.testing.assert_array_equal(
        array(made(folder, "a.png", size=(11, 5))), expected.transpose(2, 0, 1)
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("b.jpg", {}),
        ("dir/c.JPEG", {}),
        ("gray.png", {}),
        ("a.png", {"encode_type": "png"}),
        ("dir/c.JPEG", {"encode_type": "jpg"}),
        ("gray.png", {"gray": True}),
    ],
)
def test_files_that_will_do_are_kept(folder, name, options):
    datum = made(folder, name, encoded=True, **options)
    assert datum.data == (folder / name).read_bytes()
    assert [field.name for field, _ in datum.ListFields()] == ["data", "label", "encoded"]
    assert datum.encoded


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("a.png", {"encode_type": "jpg"}, b"\xff\xd8"),
        ("b.jpg", {"encode_type": "png"}, b"\x89PNG"),
        ("b.jpg", {"encode_type": "jpeg"}, b"\xff\xd8"),
        ("b.jpg", {"size": (4, 5)}, b"\xff\xd8"),
        ("a.png", {"size": (4, 5)}, b"\x89PNG"),
        ("a.png", {"gray": True}, b"\x89PNG"),
    ],
)
def test_others_are_encoded(folder, name, options, start):
    datum = made(folder, name, encoded=True, **options)
    assert datum.data.startswith(start)
    assert datum.data != (folder / name).read_bytes()
    flag = cv2.IMREAD_GRAYSCALE if options.get("gray") else cv2.IMREAD_COLOR
    expected = pixels(folder, name, flag)
    if "size" in options:
        expected = cv2.resize(expected, (5, 4))
    assert decoded(datum).shape == expected.shape
    if start == b"\x89PNG":
        np.testing.assert_array_equal(decoded(datum), expected)


def test_a_file_without_extension(folder):
    (folder / "plain").write_bytes((folder / "a.png").read_bytes())
    assert made(folder, "plain", encoded=True).data == (folder / "a.png").read_bytes()
    assert made(folder, "plain", encoded=True, encode_type="jpg").data.startswith(b"\xff\xd8")
    with pytest.raises(DataError, match=r"list.txt \(line 1, plain\): its extension has none"):
        made(folder, "plain", encoded=True, size=(4, 5))


def test_a_format_that_cannot_be_written(folder):
    (folder / "a.xyz").write_bytes((folder / "a.png").read_bytes())
    with pytest.raises(DataError, match=r"line 1, a.xyz\): its extension is 'xyz', expected a f"):
        made(folder, "a.xyz", encoded=True, size=(4, 5))


@pytest.mark.parametrize("root", ["", "/"])
def test_root_with_and_without_a_slash(folder, root):
    conversion = Conversion("list.txt", root=f"{folder}{root}")
    assert conversion(Entry(0, 1, "a.png", (1,))).layout[:3] == (3, 6, 9)


def test_root_may_be_the_start_of_a_name(folder):
    conversion = Conversion("list.txt", root=f"{folder}/gr")
    assert conversion(Entry(0, 1, "ay.png", (1,))).layout[:3] == (3, 5, 7)


def test_no_root(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert Conversion("list.txt")(Entry(0, 1, "a.png", (1,))).layout[:3] == (3, 6, 9)


def listing(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    return str(tmp_path / "list.txt")


def test_a_list(tmp_path):
    name = listing(tmp_path, "a.png 0\n\nwith a space.png -3\r\nc.png 7.0")
    assert read_entries(name, 0, STRICT) == [
        Entry(0, 1, "a.png", (0,)),
        Entry(1, 3, "with a space.png", (-3,)),
        Entry(2, 4, "c.png", (7,)),
    ]


def test_labels_of_several_numbers(folder):
    name = listing(folder, "a.png 1 -0.5 3\nthe b.png 2 2e3 0\n")
    entries = read_entries(name, 3, STRICT)
    assert entries == [Entry(0, 1, "a.png", (1, -0.5, 3)), Entry(1, 2, "the b.png", (2, 2000, 0))]
    datum = made(folder, "a.png", entries[0].labels, label_dim=3)
    assert list(datum.float_label) == [1, -0.5, 3]
    assert not datum.HasField("label")


@pytest.mark.parametrize(("value", "label"), [(4.0, 4), (0.25, None), (3e9, None)])
def test_one_number_is_a_label_too_where_it_can_be(folder, value, label):
    datum = made(folder, "a.png", (value,), label_dim=1)
    assert list(datum.float_label) == [value]
    assert (datum.label if datum.HasField("label") else None) == label


@pytest.mark.parametrize(
    ("text", "dim", "message"),
    [
        ("a.png 0\nb.png\n", 0, r"\(line 2\): 'b.png', expected"),
        ("a.png cat\n", 0, r"\(line 1\): 'a.png cat', expected"),
        ("a.png 0.5\n", 0, r"\(line 1\): 'a.png 0.5', expected"),
        ("a.png 2147483648\n", 0, r"\(line 1\): label is 2147483648, expected a whole number of"),
        ("a.png 1\n", 2, r"\(line 1\): 'a.png 1', expected an image's path and 2 number"),
        ("a.png 1 nan\n", 2, r"\(line 1\): 'a.png 1 nan', expected"),
        ("", 0, "the file is empty"),
    ],
)
def test_refuses_lines(tmp_path, text, dim, message):
    with pytest.raises(DataError, match=message):
        read_entries(listing(tmp_path, text), dim, STRICT)


def test_skips_lines(tmp_path):
    bad = BadItems("io.cpp:1", skip=True)
    name = listing(tmp_path, "a.png\nb.png 1\nc.png 99999999999\nd.png 2\n")
    assert [entry[:3] for entry in read_entries(name, 0, bad)] == [(0, 2, "b.png"), (1, 4, "d.png")]
    assert bad.count == 2


def test_shuffled():
    entries = [Entry(i, i + 1, f"{i}.png", (i,)) for i in range(20)]
    found = shuffled(entries, 5)
    assert [entry.number for entry in found] == list(range(20))
    assert [entry.line for entry in found] != [entry.line for entry in entries]
    assert sorted(entry[1:] for entry in found) == [entry[1:] for entry in entries]
    assert found == shuffled(entries, 5)
    assert found != shuffled(entries, 6)


BROKEN = {
    "no.png": None,
    "empty.png": b"",
    "text.jpg": b"not an image",
    "half.png": 0.5,
    "half.jpg": 0.5,
}


def entries_with(folder, name, content):
    """a.png, then the bad image, then b.jpg."""
    if content == 0.5:
        whole = (folder / {"png": "a.png", "jpg": "b.jpg"}[name[-3:]]).read_bytes()
        content = whole[: len(whole) // 2]
    if content is not None:
        (folder / name).write_bytes(content)
    return read_entries(listing(folder, f"a.png 0\n{name} 1\nb.jpg 2\n"), 0, STRICT)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_image_is_an_error_with_its_line(folder, name, threads):
    entries = entries_with(folder, name, BROKEN[name])
    records = convert(entries, Conversion("list.txt", f"{folder}/"), STRICT, threads=threads)
    assert next(records)[0] == b"00000000_a.png"
    with pytest.raises(DataError, match=rf"list.txt \(line 2, {name}\): .* (be read|can decode)"):
        next(records)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_image_can_be_skipped(folder, name, threads, caplog):
    entries = entries_with(folder, name, BROKEN[name])
    bad = BadItems("io.cpp:1", skip=True)
    records = convert(entries, Conversion("list.txt", f"{folder}/"), bad, threads=threads)
    # the number in a key is that of the line, as in the original: the bad one's is left out
    assert [key for key, _ in records] == [b"00000000_a.png", b"00000002_b.jpg"]
    assert bad.count == 1
    assert f"skipped list.txt (line 2, {name}): " in caplog.text


def test_nothing_but_bad_images(folder):
    entries = [Entry(0, 1, "no.png", (0,))]
    bad = BadItems("io.cpp:1", skip=True)
    with pytest.raises(DataError, match=r"list.txt: none of its images can be read"):
        list(convert(entries, Conversion("list.txt"), bad))


@pytest.mark.parametrize("encoded", [False, True])
def test_check_size(folder, encoded):
    """Sizes, not numbers of bytes: 6 x 9 is not 9 x 6."""
    cv2.imwrite(str(folder / "turned.png"), pixels(folder, "a.png").transpose(1, 0, 2))
    text = "a.png 0\na.png 1\nturned.png 2\n"
    entries = read_entries(listing(folder, text), 0, STRICT)
    conversion = Conversion("list.txt", root=f"{folder}/", encoded=encoded)
    assert len(list(convert(entries, conversion, STRICT))) == 3
    records = convert(entries, conversion, STRICT, check_size=True)
    assert len(list(islice(records, 2))) == 2
    with pytest.raises(
        DataError, match=r"00000002_turned.png\): image is 3 x 9 x 6, expected 3 x 6 x 9 as of 000"
    ):
        next(records)
