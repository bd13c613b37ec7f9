"""What the fields of a solver may be: tables from field to range, and one refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter


@dataclass(frozen=True)
class Range:
    """What a number may be.

    Attributes:
        text: in words.
        holds: whether a finite number is so.
    """

    text: str
    holds: Callable[[float], bool]


Ranges = Mapping[str, Range]  # from field to what it may be

POSITIVE = Range("> 0", lambda x: x > 0)
NOT_NEGATIVE = Range(">= 0", lambda x: x >= 0)
BELOW_ONE = Range(">= 0 and < 1", lambda x: 0 <= x < 1)
FRACTION = Range("> 0 and < 1", lambda x: 0 < x < 1)
UP_TO_ONE = Range("from -1 to 1", lambda x: -1 <= x <= 1)
ABSENT = Range("0 or not given", lambda x: x == 0)
FINITE = Range("a finite number", lambda x: True)


def check_ranges(param: SolverParameter, ranges: Ranges, why: str) -> None:
    """Refuse the first of the fields in ``ranges`` that is not what it may be.

    Raises:
        SolverConfigError: says which field, what it is, what it may be, and ``why``.
    """
    for field, allowed in ranges.items():
        found = getattr(param, field)
        if not (isfinite(found) and allowed.holds(found)):
            raise SolverConfigError(f"{field} is {found:g}, expected {allowed.text}: {why}")
