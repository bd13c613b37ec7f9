"""Layers' tests with the GPU's kernels where there is no GPU; g++ compiles them.

    python -m pytest -p tests.on_kernels tests/layers

Of the devices that the fixture gives, the stand-in for CuPy becomes the one that runs kernels, and
is found as ``cupy``: ops take their bodies for the GPU, and what layers make of these is seen. The
first run compiles; ``kernels`` in the folder for temporary files keeps what it made.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import conftest, cuda_on_cpu, fake_cuda


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the stand-in in its place, and leave what runs on it."""
    folder = Path(tempfile.gettempdir()) / "kernels"
    folder.mkdir(exist_ok=True)
    cuda_on_cpu._state.folder = folder
    cupy = cuda_on_cpu.CupyOnCpu()
    runtime = SimpleNamespace(**_names(fake_cuda.runtime), getDevice=lambda: 0)
    cupy.cuda = SimpleNamespace(**(_names(fake_cuda) | {"runtime": runtime}))
    sys.modules.update(cupy=cupy, cudnn=None)  # cuDNN's own would not know this CuPy
    conftest.fake_cupy = cupy
    ours = [item for item in items if getattr(item, "callspec", None) and _device(item) == "fake"]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(ours)])
    items[:] = ours


def _names(owner: Any) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}


def _device(item: pytest.Item) -> object:
    return item.callspec.params.get("device")  # type: ignore[attr-defined]
