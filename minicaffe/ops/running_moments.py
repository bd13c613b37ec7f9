"""Means and variances of past batches, as sums that fade, and what they come to."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.running_moments_cpu")
def store_moments(
    xp: ModuleType,
    mean: Array,
    variance: Array,
    means: Array,
    variances: Array,
    weight: Array,
    fraction: float,
    unbiased: float,
) -> None:
    """What is stored, times ``fraction``, plus the moments of a batch, which weighs 1.

    Args:
        xp: array module.
        mean: (C,), of the batch.
        variance: (C,), likewise; times ``unbiased`` it is what is added.
        means: (C,), stored.
        variances: (C,), stored.
        weight: (1,), stored.
        fraction: of what is stored.
        unbiased: m / (m - 1) for m elements in a channel.
    """
    means[...] = means * fraction + mean
    variances[...] = variances * fraction + variance * unbiased
    weight[...] = weight * fraction + 1


@compiled_in("minicaffe.ops.running_moments_cpu")
def load_moments(
    xp: ModuleType,
    mean: Array,
    std: Array,
    means: Array,
    variances: Array,
    weight: Array,
    eps: float,
) -> None:
    """The mean of what is stored, and the deviation ``sqrt(variance + eps)``; of nothing, 0.

    Args:
        xp: array module.
        mean: (C,), written.
        std: (C,), written.
        means: (C,), as ``store_moments`` keeps it; so are the next two.
        variances: (C,).
        weight: (1,).
        eps: added to the variance.
    """
    scale = (weight != 0) / xp.where(weight == 0, 1, weight)
    mean[...] = means * scale
    std[...] = xp.sqrt(variances * scale + eps)
