"""``ops.running_moments`` on the GPU: one launch for all that a layer keeps."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel

_SOURCE = """
extern "C" __global__ void store_moments(
    I channels, const T* mean, const T* variance, T* means, T* variances, T* weight,
    double fraction, double unbiased
) {
    const I c = (I)blockIdx.x * THREADS + threadIdx.x;
    if (c >= channels) return;
    means[c] = means[c] * (T)fraction + mean[c];
    variances[c] = variances[c] * (T)fraction + variance[c] * (T)unbiased;
    if (!c) *weight = *weight * (T)fraction + 1;
}
extern "C" __global__ void load_moments(
    I channels, T* mean, T* std, const T* means, const T* variances, const T* weight, double eps
) {
    const I c = (I)blockIdx.x * THREADS + threadIdx.x;
    if (c >= channels) return;
    const T scale = *weight != 0 ? 1 / *weight : 0;
    mean[c] = means[c] * scale;
    std[c] = sqrt(variances[c] * scale + (T)eps);
}
"""
_store, _load = Kernel("store_moments", _SOURCE), Kernel("load_moments", _SOURCE)


def store_moments(
    mean: Array,
    variance: Array,
    means: Array,
    variances: Array,
    weight: Array,
    fraction: float,
    unbiased: float,
) -> None:
    """``running_moments.store_moments``, for at least one channel."""
    _store(len(mean), mean, variance, means, variances, weight, fraction, unbiased)


def load_moments(
    mean: Array, std: Array, means: Array, variances: Array, weight: Array, eps: float
) -> None:
    """``running_moments.load_moments``."""
    _load(len(mean), mean, std, means, variances, weight, eps)
