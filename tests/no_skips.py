"""What ``make cuda`` adds to pytest: a test that is skipped has failed.

    python -m pytest -p tests.no_skips ...

For runs that are there for what other runs skip, and must not pass where it is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Turn what is skipped into a failure that has its reason."""
    report = yield
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{item.nodeid} may not be skipped: {reason}"
    return report
