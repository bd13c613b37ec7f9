from __future__ import annotations

import logging
import sys
import threading

import pytest

from minicaffe import glog
from minicaffe.cli._output import log_lines, stderr_handler
from minicaffe.errors import MinicaffeError
from tests.cli.tiny import LINE


class Gone:
    """A stream whose other end is closed."""

    def __init__(self) -> None:
        self.attempts = 0

    def write(self, text: str) -> None:
        self.attempts += 1
        raise BrokenPipeError

    def flush(self) -> None:
        """Nothing is waiting."""


def test_lines_go_to_stderr_alone(capsys):
    with log_lines():
        glog.info("caffe.cpp:1", "hello")
        glog.warning("caffe.cpp:2", "beware")
    glog.info("caffe.cpp:3", "too late")
    out, err = capsys.readouterr()
    assert out == ""
    assert [LINE.fullmatch(line).groups() for line in err.splitlines()] == [
        ("caffe.cpp:1", "hello"),
        ("caffe.cpp:2", "beware"),
    ]
    assert [line[0] for line in err.splitlines()] == ["I", "W"]


def test_quiet_shows_warnings_alone(capsys):
    with log_lines(quiet=True):
        assert not glog.is_on()
        glog.info("caffe.cpp:1", "hello")
        glog.warning("caffe.cpp:2", "beware")
    assert "beware" in (err := capsys.readouterr().err)
    assert "hello" not in err


def test_a_file_gets_all_lines_also_when_quiet(tmp_path, capsys):
    path = tmp_path / "train.log"
    path.write_text("before\n")
    with log_lines(str(path), quiet=True):
        glog.info("caffe.cpp:1", "hello")
    assert capsys.readouterr().err == ""
    first, second = path.read_text().splitlines()
    assert first == "before"
    assert second.endswith(" caffe.cpp:1] hello")


def test_a_file_gets_the_error_that_ends_the_run(tmp_path, capsys):
    path = tmp_path / "train.log"
    with pytest.raises(MinicaffeError), log_lines(str(path)):
        raise MinicaffeError("it broke")
    assert path.read_text().startswith("E")
    assert path.read_text().endswith("] it broke\n")
    assert capsys.readouterr().err == ""  # main prints it there


def test_a_file_that_cannot_be_written(tmp_path):
    message = r"cannot write the log .*: Is a directory"
    with pytest.raises(MinicaffeError, match=message), log_lines(str(tmp_path)):
        pass
    assert stderr_handler() is None


def test_all_is_put_back(capsys, caplog):
    caplog.set_level("ERROR", "minicaffe")
    before = (glog.logger.level, list(glog.logger.handlers))
    with pytest.raises(ZeroDivisionError), log_lines():
        1 / (stderr_handler() not in glog.logger.handlers)
    assert (glog.logger.level, glog.logger.handlers) == before


def test_a_reader_that_is_gone_costs_the_lines_alone(monkeypatch):
    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    with log_lines():
        glog.info("caffe.cpp:1", "hello")
        glog.info("caffe.cpp:1", "hello")
        assert stderr_handler().lost
    assert gone.attempts == 1


def test_a_mistake_in_a_log_line_shows():
    with pytest.raises(TypeError, match="not all arguments converted"), log_lines():
        glog.logger.info("text", 1)


def test_the_number_is_the_threads():
    record = logging.makeLogRecord({"msg": "x\n", "levelname": "INFO", "where": "a.cpp:1"})
    line = glog.GlogFormatter().format(record)
    assert line.endswith(f" {threading.get_native_id():5d} a.cpp:1] x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.02879731, "0.0287973"),
        (1e-5, "1e-05"),
        (3.18772e25, "3.18772e+25"),
        (1.0, "1"),
        (100000.0, "100000"),
        (1234567.0, "1.23457e+06"),
        (0.0001, "0.0001"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (-0.0, "-0"),
    ],
)
def test_numbers_are_written_as_by_a_cpp_stream(value, text):
    assert glog.number(value) == text


def test_outputs():
    assert glog.output("loss", 0.25, 0.5) == "loss = 0.25 (* 0.5 = 0.125 loss)"
    assert glog.output("accuracy", 0.99) == "accuracy = 0.99"
