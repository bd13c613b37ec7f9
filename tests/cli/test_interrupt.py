"""Ctrl-C while data is slow, or does not come at all: the run stops within a second."""

from __future__ import annotations

import os
import signal
import time

import cv2
import numpy as np
import pytest

from tests.cli import tiny

NET = """
name: "tiny"
layer {
  name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "list" batch_size: 2 } loader_param { threads: 3 }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt"
base_lr: 0.01
lr_policy: "fixed"
display: 1
max_iter: 1000000
snapshot_prefix: "tiny"
"""


@pytest.fixture
def folder(tmp_path):
    """Four images, and a pipe that nobody writes to: who opens it waits for ever."""
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    for index in range(4):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((5, 6, 3), index, np.uint8))
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path


def after(stream, *words):
    """Read ``stream`` up to a line with one of ``words``."""
    for line in stream:
        if any(word in line for word in words):
            return line
    raise AssertionError(f"none of {words} was written")


def test_once_where_data_comes(folder):
    (folder / "list").write_text("".join(f"{index}.png {index}\n" for index in range(4)))
    with tiny.running(folder, "train", "solver.prototxt") as process:
        after(process.stderr, "Iteration 3")
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        after(process.stderr, "Snapshotting to binary proto file")
        process.stderr.read()
        assert process.wait() == 0
        assert time.monotonic() - begin < 3  # a second, and what a busy machine takes
    assert list(folder.glob("*.solverstate"))


@pytest.mark.parametrize(
    ("argv", "times"),
    [(["train", "solver.prototxt"], 2), (["time", "net.prototxt"], 1)],
)
def test_where_it_does_not_come(folder, argv, times):
    (folder / "list").write_text("0.png 0\n1.png 1\npipe.png 2\n")
    with tiny.running(folder, *argv) as process:
        after(process.stderr, "Iteration 0", "Performing Forward")
        time.sleep(0.3)
        begin = time.monotonic()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        rest = process.stderr.read()
        assert process.wait() == 130
        assert time.monotonic() - begin < 3
    assert "Traceback" not in rest
