"""``tests.on_kernels``: a layer's tests pass with it, and kernels are what ran."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest


@pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")
def test_a_layers_tests_run_kernels(tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.on_kernels"]
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider", "tests/layers/test_relu6.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed" in run.stdout
    assert list((tmp_path / "kernels").glob("*.so"))
