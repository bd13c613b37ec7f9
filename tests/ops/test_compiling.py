"""Compiling: by children, once for all processes, ahead where there is time."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from minicaffe.ops import compiling

# two kernels of the same types, whose loops get the same name: as addresses fall, now and then
NAMESAKES = """
import numpy as np
from numba.parfors.parfor import Parfor
from minicaffe.ops import elementwise
Parfor.__hash__ = lambda self: 12345
y = np.linspace(0, 1, 9, dtype=np.float32)
tanh, sigmoid = np.empty_like(y), np.empty_like(y)
elementwise.tanh_grad(np, y, np.ones_like(y), tanh)
elementwise.sigmoid_grad(np, y, np.ones_like(y), sigmoid)
np.testing.assert_allclose(tanh, 1 - y * y, atol=1e-6)
np.testing.assert_allclose(sigmoid, y * (1 - y), atol=1e-6)
"""


AHEAD = """
import logging, sys, time
import numpy as np
from minicaffe.ops import compiling, elementwise
logging.basicConfig(format="%(message)s", level="INFO", stream=sys.stdout)
x = np.linspace(-1, 1, 9, dtype=np.float32)
y = np.empty_like(x)
def work():
    print("not to be seen", flush=True)
    elementwise.sigmoid(np, x, y)
    raise RuntimeError("nor this")
with compiling.ahead(work):
    elementwise.tanh(np, x, y)
np.testing.assert_allclose(y, np.tanh(x), atol=1e-6)
with compiling.ahead(work):  # once a process is enough
    elementwise.tanh_grad(np, y, x, x)
"""

ONE = """
import numpy as np
from minicaffe.ops import elementwise
y = np.empty(9, np.float32)
elementwise.sigmoid(np, np.zeros(9, np.float32), y)
assert (y == 0.5).all()
"""


def run(code, folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_kernel_runs_the_code_of_another(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", NAMESAKES], env=environment, check=True)


def compiled(folder, name):
    return len(list(folder.rglob(f"elementwise_cpu.{name}-*.nbc")))


def test_a_child_compiles_ahead(tmp_path):
    process = run(AHEAD, tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    assert out.splitlines() == [
        "Compiling kernels for this machine: some seconds, the first time that a layer is used"
    ]
    for _ in range(600):  # the child may outlive it
        if compiled(tmp_path, "_sigmoid"):
            break
        time.sleep(0.1)
    assert compiled(tmp_path, "_tanh") == compiled(tmp_path, "_sigmoid") == 1


def test_two_processes_compile_a_kernel_once(tmp_path):
    for process in [run(ONE, tmp_path) for _ in range(3)]:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert compiled(tmp_path, "_sigmoid") == 1


def test_without_a_place_for_locks():
    class Function:
        _cache = None

    with compiling._alone(Function()):
        pass
