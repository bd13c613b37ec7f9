"""``ops.running_moments`` on the CPU: a few numbers a channel, which NumPy does as fast."""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops import running_moments as ops


def store_moments(
    mean: Array,
    variance: Array,
    means: Array,
    variances: Array,
    weight: Array,
    fraction: float,
    unbiased: float,
) -> None:
    """``running_moments.store_moments``."""
    for stored, fresh in ((means, mean), (variances, variance * unbiased), (weight, 1)):
        stored *= fraction
        stored += fresh


def load_moments(
    mean: Array, std: Array, means: Array, variances: Array, weight: Array, eps: float
) -> None:
    """``running_moments.load_moments``."""
    ops.load_moments.reference(np, mean, std, means, variances, weight, eps)
