"""What ``make gpu`` adds to pytest: it fails where there is no GPU, and does with fewer packages.

    python -m pytest -m gpu -p tests.gpu.plugin

A machine with a GPU may lack packages that readers of data or pictures need: test modules that
cannot be imported for want of one are skipped, and named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from minicaffe.errors import DeviceError
from minicaffe.gpus import count_gpus, list_gpus, use_gpu

OURS = ("minicaffe", "tests", "cupy")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to pass with nothing run."""
    try:
        cupy, count = count_gpus()
        use_gpu(cupy, 0)
    except DeviceError as error:
        pytest.exit(f"the tests on a GPU cannot run: {error}", returncode=1)
    config.stash[_FOUND] = f"GPUs: {list_gpus(cupy, count)}, CuPy {cupy.__version__}"


def pytest_report_header(config: pytest.Config) -> str:
    """What the tests run on."""
    return config.stash[_FOUND]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    """Skip a module that imports what is not installed."""
    report = yield
    error = report.call.excinfo.value if report.failed and report.call.excinfo else None
    missing = missing_package(error)
    if missing:
        report.outcome, report.result = "skipped", []
        report.longrepr = (str(collector.path), 0, f"Skipped: {missing} is not installed")
    return report


def missing_package(error: BaseException | None) -> str:
    """The package of others' that a test module could not be imported without; "" for none."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            name = (error.name or "").partition(".")[0]
            return "" if name in OURS else name
        error = error.__cause__
    return ""


_FOUND = pytest.StashKey[str]()
