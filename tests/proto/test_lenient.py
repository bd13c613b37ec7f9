"""Lenient: what counts as a field that the schema lacks, and what as nonsense."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from minicaffe.proto.lenient import without_unknown
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import to_text
from tests.proto.messages import messages

VALUES = [
    ": 1",
    ": -1.5e3",
    ": .5f",
    ": 0x1F",
    ": -inf",
    ": true",
    ": A_NAME",
    ": 'x'",
    ": 'x' \"y }\"\n 'z'",
    ": [ ]",
    ": [1, 2]",
    ": ['a' 'b', c]",
    ": [{ a: 1 }, < b: [{}] >]",
    ": { }",
    " { }",
    " < >",
    " < a { b < c: 1, d: 'x'; e {} > } >",
    " { [an.extension]: 1 [google.com/a.b] { } 12: 3 }",
]


def rest(text):
    return without_unknown(text, NetParameter.DESCRIPTOR)


@pytest.mark.parametrize("separator", ["", ",", ";", "\n# a comment }\n"])
@pytest.mark.parametrize("value", VALUES)
def test_a_field_of_any_value_is_taken_out(value, separator):
    found = rest(f"name: 'n' zeta{value}{separator} layer {{ zeta{value}{separator} name: 'a' }}")
    assert [(each.owner, each.name) for each in found.unknown] == [
        ("NetParameter", "zeta"),
        ("LayerParameter", "zeta"),
    ]
    assert found.unknown[0].place == (1, 11)
    assert found.bad is None
    net = text_format.Parse(found.text, NetParameter())
    assert to_text(net) == 'name: "n"\nlayer {\n  name: "a"\n}\n'


def test_what_is_left_stays_where_it_was():
    text = "a {\n x: 1 }\nname: 'n' b: 2 # c: 3\ninput: 'x' c: 4"
    assert rest(text).text == "   \n       \nname: 'n'             \ninput: 'x'     ".replace(
        "name: 'n'             ", "name: 'n' " + " " * len("b: 2 # c: 3")
    )


def test_extensions_are_fields_too():
    found = rest("[a.b_c.d]: 1 name: 'n'")
    assert [each.name for each in found.unknown] == ["[a.b_c.d]"]
    assert found.text.strip() == "name: 'n'"


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("a: $", (1, 4), r"'$' is found, expected a value"),
        ("a: 1.2.3", (1, 4), "'1.2.3' is found, expected a value"),
        ("a: 'x", (1, 4), "'x is found, expected a value"),
        ("a: :", (1, 4), "':' is found, expected a value"),
        ("a:", (1, 3), "the end is found, expected a value"),
        ("a 1", (1, 3), "'1' is found, expected ':' or '{' after the name of a field"),
        ("a: [1 2]", (1, 7), "'2' is found, expected ',' or ']'"),
        ("a: [1,]", (1, 7), "']' is found, expected a value"),
        ("a: [[1]]", (1, 5), "'[' is found, expected a value"),
        ("a { b: C:\\x }", (1, 9), "':' is found, expected a field or the '}' inside the unknown"),
        ("a { b: 1 >", (1, 10), "'>' is found, expected a field or the '}' inside"),
        ("a { b: 1", (1, 9), "the end is found, expected a field or the '}' inside"),
        ("[a.b: 1", (1, 5), "':' is found, expected ']'"),
    ],
)
def test_what_is_no_value(text, place, why):
    found = rest(f"{text}")
    assert found.bad is not None
    assert (found.bad.start, found.bad.place) == ((1, 1), place)
    assert found.bad.why.startswith(why)
    assert found.text == text


@pytest.mark.parametrize(
    "text", ["name { a { } } zeta: 1", "\\ zeta: 1", "name 'x' zeta: 1", "'x' zeta: 1"]
)
def test_nothing_is_taken_out_after_what_cannot_be_read(text):
    assert rest(text) == (text, [], None)


def test_any_depth():
    text = "a {" * 100_000 + "}" * 100_000
    assert rest(text).text.strip() == ""
    assert rest(text[:-1]).bad is not None


def test_too_many():
    assert "over 100000 unknown fields" in rest("a: 1 " * 100_001).bad.why


@given(messages(NetParameter), st.data())
def test_what_is_known_is_read_as_it_is(net, data):
    lines = to_text(net).splitlines()
    ends = [i for i, line in enumerate(lines) if line.rstrip().endswith("}")] + [len(lines)]
    at = data.draw(st.sampled_from(ends))
    lines.insert(at, f"zeta{data.draw(st.sampled_from(VALUES))}")
    found = rest("\n".join(lines))
    assert (len(found.unknown), found.bad) == (1, None)
    assert to_text(text_format.Parse(found.text, NetParameter())) == to_text(net)
