from __future__ import annotations

import re

import pytest
from google.protobuf import text_format

from minicaffe import report
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.score import Score

NET = """
layer { name: "d" type: "DummyData" top: "b" top: "a" loss_weight: 0.5 loss_weight: 0
  dummy_data_param { shape {} shape { dim: 2 } data_filler { value: 3 } data_filler { value: 1 } } }
"""


@pytest.fixture
def net():
    return Net(text_format.Parse(NET, NetParameter()))


@pytest.fixture
def messages(caplog):
    caplog.set_level("INFO", "minicaffe")
    return lambda: caplog.messages


def test_training_lines(net, messages, monkeypatch):
    now = iter([10.0, 20.0, 24.0, 24.0, 26.0, 26.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    display = report.Display(4)
    display.restart(3)
    net.forward()
    display.show(8, 0.123456789, net)
    assert messages()[-4:] == [
        "Iteration 8 (1.25 iter/s, 4s/4 iters), loss = 0.123457",
        "    Train net output #0: a = 1",
        "    Train net output #1: a = 1",
        "    Train net output #2: b = 3 (* 0.5 = 1.5 loss)",
    ]
    display.show(12, 1.0, net)
    assert "Iteration 12 (2 iter/s, 2s/4 iters), loss = 1" in messages()


def test_the_first_speed_is_zero(net, messages):
    display = report.Display(4)
    display.restart(8)
    display.show(8, 1.0, net)
    assert re.search(r"Iteration 8 \(0 iter/s, 0s/4 iters\), loss = 1", "\n".join(messages()))


def test_when_it_is_due():
    assert [i for i in range(9) if report.Display(4).is_due(i)] == [0, 4, 8]
    assert not any(report.Display(0).is_due(i) for i in range(9))


@pytest.mark.parametrize("with_loss", [False, True])
def test_test_lines(net, messages, with_loss):
    score = Score(net)
    score.run_batch()
    before = len(messages())
    report.test_result(score, with_loss=with_loss)
    assert messages()[before:] == [
        *(["Test loss: 1.5"] if with_loss else []),
        "    Test net output #0: a = 1",
        "    Test net output #1: a = 1",
        "    Test net output #2: b = 3 (* 0.5 = 1.5 loss)",
    ]
