"""``make gpu`` fails where it could not run, and runs where packages are missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tests
from tests.cli.test_device import install
from tests.gpu.plugin import missing_package, pytest_configure

ROOT = Path(tests.__file__).parents[1]


def test_without_a_gpu_nothing_passes(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(pytest.exit.Exception, match=r"cannot run: CuPy is not installed") as caught:
        pytest_configure(SimpleNamespace(stash={}))
    assert caught.value.returncode == 1


def test_with_one(monkeypatch):
    cupy, _ = install(monkeypatch, 1)
    cupy.__version__ = "14.2.0"
    config = SimpleNamespace(stash={})
    pytest_configure(config)
    assert list(config.stash.values()) == ["GPUs: 0 (Tesla 0), CuPy 14.2.0"]


def test_what_a_module_could_not_be_imported_without():
    outer = RuntimeError()
    outer.__cause__ = ModuleNotFoundError(name="lmdb.cpython")
    assert missing_package(outer) == "lmdb"
    assert missing_package(ModuleNotFoundError(name="minicaffe.gone")) == ""
    assert missing_package(ImportError("cannot import name")) == ""
    assert missing_package(None) == ""


def test_such_a_module_is_skipped_and_a_broken_one_is_not(tmp_path):
    hook = "from tests.gpu.plugin import pytest_make_collect_report\n"
    (tmp_path / "conftest.py").write_text(hook)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_a.py").write_text("import not_installed_at_all\n")
    (tmp_path / "test_b.py").write_text("def test_b():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run():
        return subprocess.run(
            command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60
        )

    done = run()
    assert done.returncode == 0, done.stdout
    assert "not_installed_at_all is not installed" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    (tmp_path / "test_c.py").write_text("import minicaffe.not_there\n")
    assert run().returncode == 2
