"""Switches as gflags spells them, and the bar."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys

import pytest

from minicaffe.cli import _databases
from minicaffe.cli._output import log_lines
from minicaffe.glog import info


def parse(*argv):
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    _databases.add_switch(parser, "skip-bad", "help")
    parser.add_argument("first", nargs="?")
    return parser.parse_args(argv)


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        ([], False),
        (["--skip-bad"], True),
        (["--skip_bad"], True),
        (["--skip_bad=true"], True),
        (["--skip-bad=1"], True),
        (["--skip_bad=no"], False),
        (["--noskip_bad"], False),
        (["--skip_bad", "--skip_bad=f"], False),
        (["--noskip-bad", "--skip_bad=y"], True),
    ],
)
def test_a_switch(argv, value):
    args = parse(*argv, "word")
    assert (args.skip_bad, args.first) == (value, "word")


def test_a_switch_that_is_neither_on_nor_off():
    with pytest.raises(argparse.ArgumentError, match="ignored explicit argument 'perhaps'"):
        parse("--skip_bad=perhaps")


def test_help_shows_a_switch_once(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    assert "true" not in capsys.readouterr().out


def test_a_bar_with_lines_above(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with log_lines(), _databases.counting("images", 3) as advance:
        advance()
        advance()
        info("a.cpp:1", "a line")
    text = terminal.getvalue()
    assert "2/3" in text
    assert "a.cpp:1] a line\n" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")  # the cursor is shown again


def test_no_bar_where_there_is_no_terminal(capsys):
    with log_lines(), _databases.counting("images", 3) as advance:
        advance()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["convert_imageset", "compute_image_mean", "extract_features"])
def test_commands_are_light_to_import(name):
    heavy = "('lmdb', 'rich', 'numba', 'cv2', 'plyvel', 'h5py')"
    code = f"import sys, minicaffe.cli.{name}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
