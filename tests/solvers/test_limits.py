"""Ranges of fields: their ends, and what is in none of them."""

from __future__ import annotations

import pytest

from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers import limits
from minicaffe.solvers.limits import check_ranges

ENDS = {  # range -> inside, outside
    limits.POSITIVE: ([1e-30, 9], [0, -1]),
    limits.NOT_NEGATIVE: ([0, 9], [-1e-30]),
    limits.BELOW_ONE: ([0, 0.5], [-0.1, 1]),
    limits.FRACTION: ([0.5], [0, 1]),
    limits.UP_TO_ONE: ([-1, 0, 1], [-1.1, 1.1]),
    limits.ABSENT: ([0], [0.1, -0.1]),
    limits.FINITE: ([-9, 0, 9], []),
}
NOWHERE = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("allowed", ENDS, ids=lambda allowed: allowed.text)
def test_ends(allowed):
    inside, outside = ENDS[allowed]
    for value in inside:
        check_ranges(SolverParameter(power=value), {"power": allowed}, "it has to be")
    for value in outside + NOWHERE:
        with pytest.raises(SolverConfigError, match=r"^power is \S+, expected .*: it has to be$"):
            check_ranges(SolverParameter(power=value), {"power": allowed}, "it has to be")


def test_every_range_is_covered():
    assert set(ENDS) == {x for x in vars(limits).values() if isinstance(x, limits.Range)}


def test_names_the_first_that_is_outside():
    ranges = {"gamma": limits.NOT_NEGATIVE, "power": limits.POSITIVE, "delta": limits.ABSENT}
    with pytest.raises(SolverConfigError, match="power is -2, expected > 0: because"):
        check_ranges(SolverParameter(power=-2, delta=3), ranges, "because")
