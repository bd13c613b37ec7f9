"""The bar for records and bytes: on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from minicaffe.cli._counted import counted


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("in_bytes", "expected"), [(False, "3/4"), (True, "3/4 bytes")])
def test_a_terminal(monkeypatch, in_bytes, expected):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with counted("[a name]", 4, in_bytes=in_bytes) as show:
        show(1)
        show(3)
    assert expected in sys.stderr.getvalue()
    assert "[a name]" in sys.stderr.getvalue()


@pytest.mark.parametrize(("kind", "term"), [(io.StringIO, "xterm"), (Terminal, "dumb")])
def test_no_terminal(monkeypatch, kind, term):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", kind())
    with counted("name", 4) as show:
        show(4)
    assert sys.stderr.getvalue() == ""
