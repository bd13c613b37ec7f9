"""A net and a solver small enough to train in no time, and ways to run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NET = """
name: "tiny"
layer {
  name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param {
    shape { dim: 8 dim: 3 } shape { dim: 8 }
    data_filler { type: "gaussian" } data_filler { value: 2 }
  }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""

SOLVER = """
net: "net.prototxt"
test_iter: 3
test_interval: 4
base_lr: 0.5
lr_policy: "fixed"
momentum: 0.9
display: 2
max_iter: 8
snapshot_prefix: "tiny"
random_seed: 3
"""

LINE = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ ([\w.]+:\d+)\] (.*)")


def write(folder: Path, solver: str = "", net: str = NET) -> None:
    """``net.prototxt`` and ``solver.prototxt``, with ``solver`` in place of the same fields."""
    fields = {line.split(":")[0] for line in solver.splitlines()}
    kept = [line for line in SOLVER.splitlines() if line.split(":")[0] not in fields]
    (folder / "solver.prototxt").write_text("\n".join([*kept, solver]))
    (folder / "net.prototxt").write_text(net)


def messages(log: str) -> list[str]:
    """The messages of the log lines in ``log``, without what differs from run to run."""
    found = [match[2] for line in log.splitlines() if (match := LINE.fullmatch(line))]
    return [re.sub(r" \(.* iter/s, .* iters\)", "", message) for message in found]


@contextmanager
def running(folder: Path, *argv: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """``minicaffe`` with ``argv`` as a process of its own in ``folder``; killed at the end."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS")
    env = {key: value for key, value in os.environ.items() if key not in unwanted}
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env, **options}
    with subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-m", "minicaffe", *argv], cwd=folder, text=True, **settings
    ) as process:
        watchdog = threading.Timer(60, process.kill)  # a read may wait for what never comes
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()
