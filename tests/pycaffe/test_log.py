"""When a script sees the log."""

from __future__ import annotations

import logging

import pytest

import minicaffe as caffe
from minicaffe import glog
from minicaffe.pycaffe import log
from tests.cli.tiny import LINE


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    monkeypatch.delenv("GLOG_minloglevel", raising=False)
    level, handlers = glog.logger.level, list(glog.logger.handlers)
    glog.logger.handlers.clear()
    yield
    glog.logger.setLevel(level)
    glog.logger.handlers[:] = handlers


def say():
    glog.info("net.cpp:1", "everything")
    glog.warning("net.cpp:2", "odd")
    glog.error("net.cpp:3", "wrong")


def shown(capsys):
    lines = capsys.readouterr().err.splitlines()
    return [match[2] for line in lines if (match := LINE.fullmatch(line))]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["everything", "odd", "wrong"]),
        ((0,), ["everything", "odd", "wrong"]),
        ((0, True), ["everything", "odd", "wrong"]),
        ((1,), ["odd", "wrong"]),
        ((2, True), ["wrong"]),
        ((3,), []),
        ((9,), []),
        ((0, False), ["wrong"]),
        ((3, False), []),
    ],
)
def test_init_log(capsys, arguments, expected):
    caffe.init_log(*arguments)
    say()
    assert shown(capsys) == expected


def test_it_can_be_said_again(capsys):
    caffe.init_log(2)
    caffe.init_log(0)
    say()
    assert shown(capsys) == ["everything", "odd", "wrong"]  # each once


def test_a_line_of_the_scripts_own(capsys):
    caffe.init_log()
    caffe.log("Using devices [0]")
    assert shown(capsys) == ["Using devices [0]"]


def test_a_line_of_the_scripts_own_where_the_environment_asks(monkeypatch, capsys):
    caffe.log("not shown")
    monkeypatch.setenv("GLOG_minloglevel", "0")
    caffe.log("shown")
    assert shown(capsys) == ["shown"]


def test_warnings_alone_unless_asked(capsys):
    log.log_from_environment()
    assert glog.logger.handlers == []
    assert not glog.is_on()


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        ("0", None, ["everything", "odd", "wrong"]),
        ("1", None, ["odd", "wrong"]),
        ("2", 0, ["wrong"]),
        ("", 1, ["odd", "wrong"]),
        ("", None, []),
        (" 3 ", 0, []),
        ("much", 0, ["everything", "odd", "wrong"]),
    ],
)
def test_the_environment(monkeypatch, capsys, value, default, expected):
    monkeypatch.setattr(log, "_default", None)
    log.set_default(default)
    monkeypatch.setenv("GLOG_minloglevel", value)
    log.log_from_environment()
    say()
    assert shown(capsys) == expected


def test_a_log_that_is_shown_already_is_left_alone(monkeypatch, capsys):
    """The command line's: a layer written in Python may ask for a net of its own."""
    handler = logging.NullHandler()
    glog.logger.addHandler(handler)
    monkeypatch.setenv("GLOG_minloglevel", "0")
    level = glog.logger.level
    log.log_from_environment()
    assert (glog.logger.handlers, glog.logger.level) == ([handler], level)
    caffe.init_log(2)
    assert (glog.logger.handlers, glog.logger.level) == ([handler], logging.ERROR)
    say()
    assert shown(capsys) == []


def test_a_stderr_that_is_gone_costs_nothing(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

    caffe.init_log()
    for stderr in (Gone(), None):
        monkeypatch.setattr("sys.stderr", stderr)
        caffe.log("to nobody")
