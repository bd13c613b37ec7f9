from __future__ import annotations

from minicaffe.columns import columns


def test_cells_stand_in_columns():
    rows = [("a", "1", "x"), ("bcd", "100", ""), ("e", "a long note that widens nothing")]
    assert list(columns(rows, right=[1])) == [
        "a                                  1  x",
        "bcd                              100",
        "e    a long note that widens nothing",
    ]
    assert list(columns(rows)) == [
        "a    1    x",
        "bcd  100",
        "e    a long note that widens nothing",
    ]


def test_no_rows():
    assert list(columns([], right=[0])) == []
