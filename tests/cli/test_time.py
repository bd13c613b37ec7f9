from __future__ import annotations

import json
import re

import pytest

from minicaffe.cli import time as command
from minicaffe.cli.main import main
from minicaffe.layers.dummy_data import DummyData
from minicaffe.net import Net
from tests.cli import tiny

TIMES = [
    ("caffe.cpp:351", "Use CPU."),
    ("caffe.cpp:360", "Performing Forward"),
    ("caffe.cpp:365", "Initial loss: N"),
    ("caffe.cpp:366", "Performing Backward"),
    ("caffe.cpp:374", "*** Benchmark begins ***"),
    ("caffe.cpp:375", "Testing for 2 iterations."),
    ("caffe.cpp:403", "Iteration: 1 forward-backward time: N ms."),
    ("caffe.cpp:403", "Iteration: 2 forward-backward time: N ms."),
    ("caffe.cpp:406", "Average time per layer: "),
    ("caffe.cpp:409", "      data\tforward: N ms."),
    ("caffe.cpp:412", "      data\tbackward: 0 ms."),
    ("caffe.cpp:409", "        ip\tforward: N ms."),
    ("caffe.cpp:412", "        ip\tbackward: N ms."),
    ("caffe.cpp:409", "      loss\tforward: N ms."),
    ("caffe.cpp:412", "      loss\tbackward: N ms."),
    ("caffe.cpp:417", "Average Forward pass: N ms."),
    ("caffe.cpp:419", "Average Backward pass: N ms."),
    ("caffe.cpp:421", "Average Forward-Backward: N ms."),
    ("caffe.cpp:423", "Total Time: N ms."),
    ("caffe.cpp:424", "*** Benchmark ends ***"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tiny.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(capsys, *argv):
    """File, line and message of each log line of the command's own, measured numbers as N."""
    assert main(["time", *argv]) == 0
    found = [tiny.LINE.fullmatch(line) for line in capsys.readouterr().err.splitlines()]
    own = [match.groups() for match in found if match and match[1].startswith("caffe.cpp")]
    number = r"(?<=: )[\d.]*[1-9][\d.e+-]*(?= ms\.|$)"
    return [(where, re.sub(number, "N", message)) for where, message in own]


@pytest.mark.parametrize("argv", [["-model=net.prototxt"], ["net.prototxt", "-phase", "TRAIN"]])
def test_every_line(argv, folder, capsys):
    assert lines(capsys, *argv, "-iterations", "2") == TIMES


def test_the_phase(folder, capsys):
    text = (folder / "net.prototxt").read_text()
    text += 'layer { name: "s" type: "Silence" bottom: "label" include { phase: TEST } }'
    (folder / "net.prototxt").write_text(text)
    train, test = (lines(capsys, "net.prototxt", "-iterations=2", f"-phase={p}") for p in
                   ("TRAIN", "TEST"))  # fmt: skip
    assert train == TIMES
    assert ("caffe.cpp:409", "         s\tforward: N ms.") in test


def test_json(folder, capsys):
    lines(capsys, "net.prototxt", "-iterations", "3", "--json", "times.json")
    report = json.loads((folder / "times.json").read_text())
    assert (report["net"], report["phase"], report["iterations"]) == ("tiny", "TRAIN", 3)
    assert [(layer["name"], layer["type"]) for layer in report["layers"]] == [
        ("data", "DummyData"), ("ip", "InnerProduct"), ("loss", "SoftmaxWithLoss"),
    ]  # fmt: skip
    assert len(report["iteration_ms"]) == 3
    assert report["total_ms"] == pytest.approx(sum(report["iteration_ms"]))
    assert report["forward_backward_ms"] == pytest.approx(report["total_ms"] / 3)
    whole = report["forward_ms"] + report["backward_ms"]
    assert whole == pytest.approx(report["forward_backward_ms"])
    assert 0 < sum(layer["forward_ms"] for layer in report["layers"]) <= report["forward_ms"]
    assert 0 < sum(layer["backward_ms"] for layer in report["layers"]) <= report["backward_ms"]
    assert not any("waiting_ms" in layer for layer in report["layers"])


def test_waiting_for_data(folder, capsys, monkeypatch):
    """What a layer that reads ahead waited before the benchmark does not count."""
    forward = DummyData.forward

    def wait(self, bottom, top):
        waited = self.__dict__.get("waited", 1000.0)
        late = self.forwards in (1, 3)  # the first is not of the benchmark
        self.waited = waited + (0.5 if late else 0)
        self.forwards += 1
        forward(self, bottom, top)

    monkeypatch.setattr(DummyData, "forward", wait)
    monkeypatch.setattr(DummyData, "forwards", 0, raising=False)
    main(["time", "net.prototxt", "-iterations", "4", "--json", "times.json"])
    log = capsys.readouterr().err
    assert "] Average waiting for data: 250 ms." in log
    assert "] Waited for data in 2 of 4 iterations, 500 ms at most." in log
    report = json.loads((folder / "times.json").read_text())
    assert report["waiting_ms"] == [500, 0, 500, 0]
    assert [layer.get("waiting_ms") for layer in report["layers"]] == [250, None, None]


def test_gradients_do_not_add_up(folder, capsys, monkeypatch):
    cleared = []
    monkeypatch.setattr(Net, "clear_param_diffs", lambda net: cleared.append(net))
    lines(capsys, "net.prototxt", "-iterations", "3")
    assert len(cleared) == 3


def test_a_file_that_cannot_be_written_is_noticed_at_once(folder, capsys, monkeypatch):
    monkeypatch.setattr(command, "_measure", None)
    assert main(["time", "net.prototxt", "--json", "."]) == 1
    assert capsys.readouterr().err == "minicaffe: error: cannot write .: Is a directory\n"


def test_no_model(capsys):
    assert main(["time"]) == 1
    assert "time needs one model definition, none is given" in capsys.readouterr().err
