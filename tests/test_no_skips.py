"""``tests.no_skips``: a skip fails, whichever way it came; what passes and what fails stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

def test_passes():
    pass

def test_lacks_a_package():
    pytest.importorskip("no_such_package")

@pytest.mark.skipif(True, reason="of a mark")
def test_is_marked():
    pass
"""


def test_a_skip_is_a_failure(tmp_path):
    path = tmp_path / "test_three.py"
    path.write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "-p", "no:cacheprovider"]
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [*command, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 passed" in run.stdout
    assert "skipped" not in run.stdout.splitlines()[-1]
    failed = [line for line in run.stdout.splitlines() if "may not be skipped" in line]
    assert any("no_such_package" in line for line in failed), run.stdout
    assert any("of a mark" in line for line in failed), run.stdout
