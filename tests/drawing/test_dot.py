from __future__ import annotations

import re

from minicaffe.drawing.dot import dot, quoted
from minicaffe.drawing.graph import build
from tests.drawing import nets


def test_nodes_and_edges():
    text = dot(build(nets.net(nets.CHAIN), lambda layer, top: "1x2"), "LR")
    assert text.startswith('digraph "chain" {\n  rankdir=LR;')
    assert 'n1 [label="conv\\nConvolution\\nnum_output 4, kernel 3x3\\nbn (BatchNorm)' in text
    assert 'n0 -> n1 [label="data\\n1x2"];' in text
    assert 'n2 -> n3 [label=""];' in text
    assert text.endswith("}\n")


def test_quoted():
    assert quoted('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'


def test_evil_names_stay_in_their_strings():
    text = dot(build(nets.evil()))
    rest = re.sub(r'"(\\.|[^"\\])*"', "", text)
    assert not set("<>&'") & set(rest.replace("->", ""))
    assert rest.count("[label=") == 7
