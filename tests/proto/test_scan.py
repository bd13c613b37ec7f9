"""Scan: where messages start, in every form that the text format allows."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.origin import layers_of
from minicaffe.proto.scan import Walk, place_of, places
from tests.proto.messages import messages

FORMS = {
    "layer {\n}\nlayer {\n}": {"layer[0]": (1, 1), "layer[1]": (3, 1)},
    "\n  layer: {\n}": {"layer[0]": (2, 3)},
    "layer\n{\n}": {"layer[0]": (1, 1)},
    "layer\n:\n<\n>": {"layer[0]": (1, 1)},
    "layer: [\n  {},\n  <>\n]\nlayer {}": {
        "layer[0]": (2, 3),
        "layer[1]": (3, 3),
        "layer[2]": (5, 1),
    },
    "layer: []\nlayer {}": {"layer[0]": (2, 1)},
    "layer {}, layer {}; layer {}": {"layer[0]": (1, 1), "layer[1]": (1, 11), "layer[2]": (1, 21)},
    "# layer {\nlayer { # }\n}": {"layer[0]": (2, 1)},
    "name: '}' 'layer {' \"}\\\"{\"\nlayer {}": {"layer[0]": (2, 1)},
    "layer { name: 'layer' top: 'layer' }\nlayer {}": {"layer[0]": (1, 1), "layer[1]": (2, 1)},
    "input_dim: [1, 2]\ninput_dim: 3\nlayer {}": {"layer[0]": (3, 1)},
    "layer { pooling_param { pool: MAX }\n include {} include: {} }": {
        "layer[0]": (1, 1),
        "layer[0].pooling_param": (1, 9),
        "layer[0].include[0]": (2, 2),
        "layer[0].include[1]": (2, 13),
    },
    "layers {\n layer {} }": {"layers[0]": (1, 1), "layers[0].layer": (2, 2)},
    "": {},
}


@pytest.mark.parametrize(("text", "where"), FORMS.items())
def test_places(text, where):
    text_format.Parse(text, NetParameter())  # the form is legal
    assert places(text, NetParameter.DESCRIPTOR) == where


def test_places_in_nets_of_a_solver():
    text = "test_net_param {\n layer {} }\ntest_net_param {\n layer {}\n layer {} }\n"
    text += "net_param { layer {} }"
    assert places(text, SolverParameter.DESCRIPTOR) == {
        "test_net_param[0]": (1, 1),
        "test_net_param[0].layer[0]": (2, 2),
        "test_net_param[1]": (3, 1),
        "test_net_param[1].layer[0]": (4, 2),
        "test_net_param[1].layer[1]": (5, 2),
        "net_param": (6, 1),
        "net_param.layer[0]": (6, 13),
    }


@given(messages(SolverParameter), st.booleans(), st.booleans())
def test_every_layer_is_found_in_every_style_of_printing(solver, one_line, pointy):
    text = text_format.MessageToString(
        solver, as_one_line=one_line, pointy_brackets=pointy, as_utf8=True
    )
    found = places(text, solver.DESCRIPTOR)
    assert {path for path, _ in layers_of(solver)} <= found.keys()


def tokens(text):
    """The tokens of a walk over ``text``, and their places."""
    walk = Walk(text, None)
    while walk.token:
        yield walk.token, walk.place
        walk.skip()


def test_tokens_leave_comments_out():
    assert list(tokens("a: # b\n 'c d'")) == [("a", (1, 1)), (":", (1, 2)), ("'c d'", (2, 2))]


PIECES = st.sampled_from([*"ab_09.+-:;,<>{}[]#\"'\\/ \t\n\r\f\0é\u2028", "\\n", "0x1f", "1e-5"])


@given(st.lists(PIECES, max_size=30).map("".join))
def test_tokens_are_those_of_text_format(text):
    tokenizer = text_format.Tokenizer(text.split("\n"))
    expected = []
    while not tokenizer.AtEnd():
        error = tokenizer.ParseError("")
        expected.append((tokenizer.token, (error.GetLine(), error.GetColumn())))
        tokenizer.NextToken()
    assert list(tokens(text)) == expected


def test_place_of_an_offset():
    assert [place_of("ab\n\nc", at) for at in (0, 2, 3, 4)] == [(1, 1), (1, 3), (2, 1), (3, 1)]


def test_paths_end_at_a_field_that_does_not_exist():
    """Or a text that nests a thousand deep would take a million letters."""
    assert places("layer { x { y { z {} } } }", NetParameter.DESCRIPTOR) == {
        "layer[0]": (1, 1),
        "layer[0].x": (1, 17),
    }


def test_walk_stops_before_a_place():
    walk = Walk("layer {\n  name: 'x'\n  pooling_param { pad: 1 pad", NetParameter.DESCRIPTOR)
    walk.to((3, 26))
    frame = walk.frames[-1]
    assert (frame.path, frame.opened, frame.closer) == ("layer[0].pooling_param", (3, 3), "}")
    assert (walk.token, frame.state, frame.seen) == ("pad", "name", {"pad": (1, (3, 19))})
    walk.to_end()
    assert (walk.token, frame.state, frame.known.name) == ("", "colon", "pad")
