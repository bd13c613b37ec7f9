"""Numba's set-up: what is compiled gives the bits that its cache gives, and the cache is ours."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from minicaffe.ops import numba_cpu

CODE = """
import numpy as np
from minicaffe.ops import update
w, g, v = np.random.default_rng(0).standard_normal((3, 4001)).astype(np.float32)
update.sgd(np, w, g, v, 1.0, 5e-4, 0.0, 0.01, 0.9)
print(w.tobytes().hex())
"""


def test_the_run_that_compiles_gives_the_same_bits_as_the_next(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", CODE],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(run.stdout)
        assert list(tmp_path.rglob("*.nbc"))
    assert runs[0] == runs[1]


def test_a_module_depends_on_the_modules_whose_kernels_it_calls():
    names = {path.stem for path in numba_cpu._sources("minicaffe.ops.convolution_cpu")}
    assert {"convolution_cpu", "columns_cpu", "blas_cpu", "numba_cpu"} <= names
    assert "lrn_cpu" not in names


def test_kernels_are_kept_in_a_folder_of_their_sources():
    folder = numba_cpu._cache_folder("minicaffe.ops.update_cpu")
    assert os.path.basename(os.path.dirname(folder)) == "update_cpu"
    assert os.access(folder, os.W_OK)


def test_no_two_processes_write_one_file(tmp_path):
    """Each for other types, at the same time."""
    names = set()
    for dtype in ("float32", "float64"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / dtype)}
        code = CODE.replace("float32", dtype)
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        found = {path.name for path in (tmp_path / dtype).rglob("*.nbc")}
        assert found
        assert not found & names
        names |= found


@numba_cpu.helper
def _add(a, number):
    a[0] += number


def test_a_helper_is_compiled_once_whatever_is_written_out():
    def both(a, number):
        _add(a, 1)
        _add(a, 20)
        _add(a, number=number)

    a = np.zeros(1)
    numba_cpu.numba.njit(both)(a, 300)
    assert a[0] == 321
    assert len(_add.overloads) == 1


def test_a_helper_is_not_called_from_python():
    """It has no way in: Numba would jump to address 0."""
    a = np.zeros(1)
    for _ in range(2):
        with pytest.raises(TypeError, match="_add is called from Python"):
            _add(a, 1)
        numba_cpu.numba.njit(lambda a: _add(a, 1))(a)
