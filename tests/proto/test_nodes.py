"""Nodes: YAML and JSON texts with the places of their parts, and texts that are none."""

from __future__ import annotations

import re

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto.nodes import json_nodes, yaml_nodes


def plain(node):
    """A node as Python would have it; scalars with their places."""
    if node.kind == "mapping":
        return {key.value: plain(value) for key, value in node.value}
    if node.kind == "list":
        return [plain(each) for each in node.value]
    return (node.value, *node.place, node.plain)


def test_yaml():
    node = yaml_nodes("a: 1\nb:\n- 'x y'\n- {c: no}  # comment\n", "p")
    assert plain(node) == {
        "a": ("1", 1, 4, True),
        "b": [("x y", 3, 3, False), {"c": ("no", 4, 7, True)}],
    }
    assert {key.value: value for key, value in node.value}["b"].value[1].place == (4, 3)


def test_json():
    node = json_nodes('{"a":[1,-2.5e3,\n\ttrue], "b\\"": "\\ud83d\\ude00, {"}', "p")
    assert plain(node) == {
        "a": [("1", 1, 7, True), ("-2.5e3", 1, 9, True), ("true", 2, 2, True)],
        'b"': ("\N{GRINNING FACE}, {", 2, 16, False),
    }
    assert node.value[0][1].place == (1, 6)


def test_aliases_are_the_node_itself():
    node = yaml_nodes("a: &x {b: 1}\nc: [*x, *x]\nd: &y 3\ne: *y", "p")
    by_key = {key.value: value for key, value in node.value}
    assert by_key["c"].value[0] is by_key["c"].value[1] is by_key["a"]
    assert by_key["e"] is by_key["d"]


@pytest.mark.parametrize("text", ["", "# a comment alone\n", "---\n", "~", "null"])
def test_nothing_is_a_null(text):
    assert yaml_nodes(text, "p").is_null


@pytest.mark.parametrize("text", ["'null'", "!!str null", '""', "0", "{}"])
def test_something_is_no_null(text):
    assert not yaml_nodes(text, "p").is_null


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "p:1:5: is no YAML: mapping values are not allowed"),
        ("a: 1\n\tb: 2", "p:2:1: is no YAML: found a tab character"),
        ("a: 'x", "is no YAML: found unexpected end of stream"),
        ("a: 1\n---\nb: 1", "p:3:1: a second document is found, expected one"),
        ("\N{GREEK SMALL LETTER ALPHA}: \x01", r"p:1:4: a character .* no YAML may have: "),
        ("a: *x", "p:1:4: there is no anchor &x before"),
        ("a: &x [*x]", "p:1:8: there is no anchor &x before"),
        ("a: !run x", "p:1:4: the tag !run is found"),
        ("a: !!python/object:os.system {}", "p:1:4: the tag .* is found"),
        ("[" * 200_000, "p:1:101: is nested over 100 deep"),
        ("- " * 100_000, "p:1:201: is nested over 100 deep"),
    ],
)
def test_no_yaml(text, message):
    with pytest.raises(PrototxtError, match=message):
        yaml_nodes(text, "p")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', r"p:1:\d: is no JSON: "),
        ('{"a": 1\n "b": 2}', "p:2:2: is no JSON: Expecting ',' delimiter"),
        ("", "p:1:1: is no JSON: Expecting value"),
        ("# comment\n{}", "p:1:1: is no JSON"),
        ("[" * 101 + "]" * 101, "p:1:101: is nested over 100 deep"),
        ("[" * 200_000, "p: is nested over 100 deep"),
    ],
)
def test_no_json(text, message):
    with pytest.raises(PrototxtError, match=re.compile(message)):
        json_nodes(text, "p")


def test_without_the_c_library(monkeypatch):
    import yaml

    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert plain(yaml_nodes("a: [1, x]", "p")) == {"a": [("1", 1, 5, True), ("x", 1, 8, True)]}
    with pytest.raises(PrototxtError, match="p:1:4: a character is found"):
        yaml_nodes("\N{GREEK SMALL LETTER ALPHA}: \x01", "p")
