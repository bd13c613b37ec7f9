from __future__ import annotations

import re
import sys

import pytest

from minicaffe.cli import _summary_table as table
from minicaffe.cli._summary_table import Column
from minicaffe.proto.minicaffe_pb2 import TRAIN, NetParameter, NetState
from minicaffe.proto.text import parse
from minicaffe.summary import Check, Match, summarize

LONG = "inception_3a/relu_3x3_reduce"
NET = f"""
name: "wide"
layer {{ name: "in" type: "Input" top: "x" top: "label"
        input_param {{ shape {{ dim: 64 dim: 3 dim: 224 dim: 224 }} shape {{ dim: 64 }} }} }}
layer {{ name: "{LONG}" type: "Convolution" bottom: "x" top: "c"
        param {{ name: "w" }} convolution_param {{ num_output: 3 kernel_size: 3 pad: 1
                                                  bias_term: false }} }}
layer {{ name: "again" type: "Convolution" bottom: "c" top: "d"
        param {{ name: "w" }} convolution_param {{ num_output: 3 kernel_size: 3 pad: 1
                                                  bias_term: false }} }}
layer {{ name: "[red]" type: "InnerProduct" bottom: "d" top: "ip"
        inner_product_param {{ num_output: 1000 }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""


@pytest.fixture
def summary():
    return summarize(parse(NET, NetParameter), NetState(phase=TRAIN))


def shown(summary, check=None):
    table.show(summary, check, every=False, title="title")


def on_terminal(monkeypatch, capsys, summary, width, check=None):
    """The lines, colours and all."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    shown(summary, check)
    return capsys.readouterr().out


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal(monkeypatch, capsys, summary, width):
    lines = plain(on_terminal(monkeypatch, capsys, summary, width))
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "150,529,081" in "".join(lines)  # of parameters, the total is never cut


def test_a_name_in_pieces_is_whole(monkeypatch, capsys, summary):
    lines = plain(on_terminal(monkeypatch, capsys, summary, 80))
    start = next(i for i, line in enumerate(lines) if line.startswith("incep"))
    end = next(i for i, line in enumerate(lines) if line.startswith("again"))
    assert "".join(line.split("  ")[0] for line in lines[start:end]).strip() == LONG


def test_names_are_no_markup(monkeypatch, capsys, summary):
    assert any(line.startswith("[red]") for line in
               plain(on_terminal(monkeypatch, capsys, summary, 100)))  # fmt: skip


def test_what_does_not_fit_is_red(monkeypatch, capsys, summary):
    summary.rows[1].weights = Match(81, 0, ("odd",))
    check = Check("w", "binary", [])
    out = on_terminal(monkeypatch, capsys, summary, 150, check)
    assert "\x1b[1;31mMISFIT\x1b[0m" in out


def test_a_pipe_gets_all_of_it(monkeypatch, capsys, summary):
    monkeypatch.setenv("COLUMNS", "40")
    shown(summary)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    row = next(line for line in out.splitlines() if line.startswith(LONG))
    assert row.split() == [
        LONG, "Convolution", "64x3x224x224", "81", "260,112,384", "36.8", "MiB", "36.8", "MiB",
        "324", "B",
    ]  # fmt: skip


def test_shared_parameters(capsys, summary):
    shown(summary)
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("again"))
    assert row.split()[3] == "(81)"
    assert "\n(n): parameters shared with a layer above, and counted there\n" in out


def test_a_list_of_names_is_one_line(capsys, summary):
    for row in summary.rows:
        row.weights = Match() if row.blobs else None
    shown(summary, Check("w", "binary", ["agian", "zzz", "qqq"]))
    out = capsys.readouterr().out
    assert (
        f"  in the net alone: again: did you mean 'agian'?\n  in the net alone: {LONG}, [red]\n"
        in out
    )
    assert "  in the file alone: zzz, qqq\n" in out


def test_fitted_takes_the_mildest_way():
    short = Column("n", ["12 k"])
    columns = [
        Column("name", ["a/long/name"], right=False, least=(8, 4)),
        Column("number", ["12,345"], short=short),
        Column("nothing", ["-"]),
        Column("spare", ["7"], spare=3),
    ]  # 11 + 6 + 7 + 5 and gaps of 2

    def cells(width):
        return [column.cells[0] for column in table.fitted(columns, width)]

    assert cells(35) == ["a/long/name", "12,345", "-", "7"]
    assert cells(34) == ["a/long/name", "12 k", "-", "7"]
    assert cells(32) == ["a/long/name", "12 k"]
    assert cells(14) == ["a/long/\nname", "12 k"]
    assert cells(10) == ["a/lo\nng/\nname", "12 k"]
    assert cells(1) == cells(10)


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("conv1/relu_7x7", ["conv1/", "relu_7x7"]),
        ("SoftmaxWithLoss", ["Softmax", "WithLoss"]),
        ("64x112x112x96", ["64x112x", "112x96"]),
        ("abcdefghijk", ["abcdefgh", "ijk"]),
        ("data 64x3\nlabel 64", ["data", "64x3", "label 64"]),
    ],
)
def test_folded(cell, lines):
    assert table._folded(cell, 8).split("\n") == lines


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "0.98 KiB"), (1024, "1.00 KiB"), (10_230, "9.99 KiB"),
        (10_236, "10.0 KiB"), (102_350, "100 KiB"), (1_023_400, "999 KiB"),
        (1_023_900, "0.98 MiB"), (5 * 2**30, "5.00 GiB"), (5 * 2**50, "5120 TiB"),
    ],
)  # fmt: skip
def test_memory(size, text):
    assert table.memory(size) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1.00 k"), (724_406_816, "724 M")]
)
def test_count(number, text):
    assert table.count(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "-"), (0, 9, "0.0%"), (1, 10_000, "<0.1%"), (1, 8, "12.5%"), (8, 8, "100.0%")],
)
def test_percent(part, whole, text):
    assert table._percent(part, whole) == text
