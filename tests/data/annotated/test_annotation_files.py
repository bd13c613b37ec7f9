from __future__ import annotations

import pytest

from minicaffe.data.annotated.annotation_files import Marked, read_marks
from minicaffe.errors import DataError

LABELS = {"cat": 8, "dog": 12}
XML = """<annotation><filename>a.jpg</filename><size><width>40</width><height>30</height></size>
{objects}</annotation>"""
CAT = """<object><name>cat</name><difficult>1</difficult><bndbox><xmax>20</xmax><xmin>10</xmin>
<ymin>3</ymin><ymax>15.5</ymax></bndbox><part><name>head</name></part></object>"""
JSON = """{"image": {"width": 40, "height": 30}, "annotation": [
 {"category_id": "dog", "bbox": [1, 2, 3, 4.5], "iscrowd": 1},
 {"category_id": "cat", "bbox": [0, 0, 40, 30]}]}"""


@pytest.fixture
def read(tmp_path):
    def do(content, kind):
        path = tmp_path / f"it.{kind}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_marks(str(path), kind, LABELS)

    return do


def test_xml(read):
    size, objects = read(
        XML.format(objects=CAT + CAT.replace("cat", "dog").replace(">1<", "> <")), "xml"
    )
    assert size == (30, 40)
    box = (10, 3, 20, 15.5)
    assert objects == [Marked(8, box, True), Marked(12, box, False)]
    assert read(XML.format(objects=""), "xml").objects == []
    assert read("<annotation/>", "xml").size is None


def test_json(read):
    size, objects = read(JSON, "json")
    assert size == (30, 40)
    assert objects == [Marked(12, (1, 2, 4, 6.5), True), Marked(8, (0, 0, 40, 30), False)]


def test_txt(read):
    assert read("3 1 2 5 6.5\n\n1 0 0 4 4\n", "txt") == (
        None,
        [Marked(3, (1, 2, 5, 6.5), False), Marked(1, (0, 0, 4, 4), False)],
    )


BOMB = """<?xml version="1.0" encoding="{0}"?><!DOCTYPE a [<!ENTITY b "bbb">]>
<annotation>&b;</annotation>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(read, encoding):
    with pytest.raises(DataError, match="has a document type, expected none"):
        read(BOMB.format(encoding).encode(encoding), "xml")


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        ("<annotation>", "xml", "is no XML"),
        (XML.format(objects=CAT.replace("cat", "cow")), "xml", "class 'cow' is not in the label"),
        (XML.format(objects=CAT.replace("xmin", "left")), "xml", "bndbox has no xmin"),
        (XML.format(objects="<object><name>cat</name></object>"), "xml", "no bndbox"),
        (XML.format(objects=CAT.replace(">10<", ">ten<")), "xml", "is no xml annotation: .*ten"),
        (XML.format(objects=CAT.replace(">10<", ">nan<")), "xml", "expected finite"),
        ("{}", "json", "is no json annotation"),
        ("[", "json", "is no json annotation"),
        ("[]", "json", "is no json annotation"),
        (JSON.replace("dog", "cow"), "json", "'cow'"),
        ("1 2 3", "txt", "line 1 is '1 2 3', expected label xmin"),
        ("a 1 2 3 4", "txt", "is no txt annotation"),
        (b"\xff\xfe", "txt", "is no txt annotation"),
    ],
)
def test_refuses(read, content, kind, says):
    with pytest.raises(DataError, match=says):
        read(content, kind)


def test_a_missing_file():
    with pytest.raises(DataError, match=r"nowhere\.xml: annotation cannot be read"):
        read_marks("nowhere.xml", "xml", LABELS)
