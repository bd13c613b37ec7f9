"""A number that moves while a net is trained: it follows from how many forwards there were."""

from __future__ import annotations

from math import inf, log
from typing import Any, NamedTuple

from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers._neuron import Neuron
from minicaffe.proto.minicaffe_pb2 import TRAIN


class Schedule(NamedTuple):
    """``start * factor ** (forwards // step_size)``, no further than ``last``."""

    start: float
    factor: float
    step_size: int
    last: float

    def value(self, forwards: int) -> float:
        """The number after so many forwards."""
        steps = forwards // self.step_size
        arrived = abs(steps * log(self.factor)) >= abs(log(self.last / self.start))
        return self.last if arrived else self.start * self.factor**steps  # too large a power else


class Scheduled(Neuron):
    """An activation that has a schedule in TRAIN, and none in TEST.

    A layer knows no iteration: forwards are counted. They are as many, unless ``iter_size`` is more
    than 1 or somebody else goes forward too. The count is part of a snapshot.
    """

    _schedule: Schedule
    _forwards = 0

    def next_number(self) -> Array | float:
        """The number for this forward; where work is recorded, an array that is kept up to date."""
        return self.device.host.number(self._advance, self.dtype, self._take_back)

    def position(self) -> dict[str, Any]:
        """How many forwards there were."""
        return {"forwards": self._forwards} if self.param.phase == TRAIN else {}

    def set_position(self, position: dict[str, Any]) -> None:
        """Continue from what ``position`` gave."""
        self._forwards = int(position["forwards"])

    def _advance(self) -> float:
        self._forwards += 1
        return self._schedule.value(self._forwards - 1)

    def _take_back(self) -> None:
        self._forwards -= 1


def check_schedule(schedule: Schedule, names: tuple[str, str, str], *, grows: bool) -> Schedule:
    """``schedule``, once it is known to go somewhere.

    Args:
        schedule: as the definition gives it.
        names: of the fields of ``start``, ``factor`` and ``last``.
        grows: whether the number gets larger.

    Raises:
        LayerConfigError: a field is out of its range.
    """
    start, factor, step_size, last = schedule
    if not 0 < start < inf:
        raise LayerConfigError(f"{names[0]} is {start:g}, expected a finite number above 0")
    if grows and not 1 <= factor < inf:
        raise LayerConfigError(f"{names[1]} is {factor:g}, expected a finite number of at least 1")
    if not grows and not 0 < factor <= 1:
        raise LayerConfigError(f"{names[1]} is {factor:g}, expected 0 < {names[1]} <= 1")
    if not step_size:
        raise LayerConfigError("step_size is 0, expected a number of forwards")
    if not (start <= last < inf if grows else 0 < last <= start):
        side = "at least" if grows else "above 0 and at most"
        raise LayerConfigError(f"{names[2]} is {last:g}, expected {side} {names[0]} ({start:g})")
    return schedule
