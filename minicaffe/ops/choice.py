"""Which of several bodies is fastest for a piece of work: measured once, then kept on disk.

Bodies that add in another order round otherwise, so where the choice falls decides the last bits
of a result. ``MINICAFFE_DETERMINISTIC=1`` in the environment, or ``deterministic(True)``, takes
the first body always, and nothing is measured: a run then gives the same bits whatever this
machine measured before. Without it they are the same as long as the table stays.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from minicaffe.errors import MinicaffeError
from minicaffe.files import replacing

Bodies = Mapping[str, Callable[[], None]]

_CLEAR = 1.3  # times as long: no need to measure again
_TURNS = 3
_deterministic = os.environ.get("MINICAFFE_DETERMINISTIC", "0") not in ("", "0")


def deterministic(on: bool) -> None:
    """Take the first body always, from now on in this process; False: the fastest."""
    global _deterministic
    _deterministic = on


def is_deterministic() -> bool:
    """Whether the first body is always taken."""
    return _deterministic


@cache
def machine() -> str:
    """The name of the processor, which the measurements of others do not hold for."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class Choices:
    """What has been chosen, by the work that was measured.

    A table that cannot be read counts as empty, one that cannot be written is kept in memory.
    Of two processes that measure the same, the first that is done chooses for both.

    Attributes:
        path: the table, or None to keep it in memory alone.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[str, str] | None = None

    def choose(
        self, work: str, bodies: Bodies, measure: Callable[[Bodies], str] | None = None
    ) -> str:
        """The name of the body to run; each may be run some times to find out.

        Args:
            work: what is done, of which sizes, on how many threads.
            bodies: by name, the plainest first; running one again changes nothing.
            measure: gives the name of the fastest; None takes ``fastest``.
        """
        first = next(iter(bodies))
        if _deterministic:
            return first
        key = f"{machine()}: {work}"
        if self._known is None:
            self._known = self._read()
        name = self._known.get(key, "")
        return name if name in bodies else self._add(key, (measure or fastest)(bodies), bodies)

    def known(self, work: str, first: str) -> str:
        """What ``choose`` gives without measuring; "" where it would have to.

        Args:
            work: as there.
            first: the plainest of the bodies.
        """
        if _deterministic:
            return first
        if self._known is None:
            self._known = self._read()
        return self._known.get(f"{machine()}: {work}", "")

    def _add(self, key: str, name: str, bodies: Bodies) -> str:
        table = self._read()
        if table.get(key) in bodies:
            name = table[key]
        table[key] = name
        self._known = {**(self._known or {}), **table}
        if self.path is not None:
            with suppress(MinicaffeError, OSError), replacing(self.path) as temporary:
                temporary.write_text(json.dumps(table, indent=0, sort_keys=True), encoding="utf-8")
        return name

    def _read(self) -> dict[str, str]:
        """The table on disk, as far as it is one."""
        if self.path is None:
            return dict(self._known or {})
        try:
            table = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        rows = table.items() if isinstance(table, dict) else ()
        return {key: name for key, name in rows if isinstance(name, str)}


def fastest(bodies: Bodies) -> str:
    """The name of the body that takes the least time, each at its best of some turns."""
    best = dict.fromkeys(bodies, float("inf"))
    for run in bodies.values():
        run()  # compiles, and brings pages in
    for _ in range(_TURNS):
        for name, run in bodies.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
        order = sorted(best.values())
        if len(order) > 1 and order[1] > _CLEAR * order[0]:
            break
    return min(best, key=lambda name: best[name])
