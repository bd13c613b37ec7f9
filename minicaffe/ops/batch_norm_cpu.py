"""Standardizing for the CPU: one pass for the sums, one for the results, both in memory's order.

Sums are of each plane, then of each channel, in float64, so that they are the same for any number
of threads and that squares need no pass of their own. They are of deviations from the channel's
first element: a large common offset costs no digits. Where few elements lie side by side, several
channels are taken at a time, and loops run along all of their elements.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange

_FEW = 48  # elements side by side, below which channels are taken together
_TOGETHER = 256  # elements of channels that are


def batch_norm(x, y, kept, mean, variance, std, inside, outside):
    """``batch_norm.batch_norm``."""
    args = *_joined(x, y, x[:0] if kept is None else kept), mean, variance, std, inside, outside
    if x.shape[2] < _FEW:
        _batch_norm_together(*args, x.shape[2])
    else:
        sums = np.empty((*x.shape[:2], 2))
        _sums(args[0], sums, x.shape[2])
        _finish(args[0], sums, *args[3:], x.shape[2])
        _standardize(*args[:4], std, x.shape[2])


def batch_norm_grad(x, dy, dx, mean, std):
    """``batch_norm.batch_norm_grad``."""
    args = *_joined(x, dy, dx), mean, std
    if x.shape[2] < _FEW:
        _batch_norm_grad_together(*args, x.shape[2])
    else:
        sums = np.empty((*x.shape[:2], 2))
        _grad_sums(args[0], args[1], mean, sums, x.shape[2])
        _grad(*args, sums, x.shape[2])


def normalize(x, y, mean, std):
    """``batch_norm.normalize``."""
    _normalize(*_joined(x, y), mean, std, x.shape[2])


def center(x, y):
    """``batch_norm.center``."""
    _center(*_joined(x, y), x.shape[2])


def _joined(*arrays):
    """Each as (N, C * S)."""
    return [a.reshape(len(a), a.shape[1] * a.shape[2]) for a in arrays]


@inner
def _shift(value):
    """What deviations are taken from: the value, unless that spoils them."""
    return np.float64(value) if np.isfinite(value) else 0.0


@inner
def _moments(total, squares, shift, count):
    """Mean and variance from the sums of deviations from ``shift`` and of their squares."""
    mean = total / count
    variance = squares / count - mean * mean
    return mean + shift, 0.0 if variance < 0 else variance


@kernel
def _sums(x, sums, plane):
    """Of each plane, what its elements and their squares add up to, less the channel's shift."""
    channels = sums.shape[1]
    for each in prange(len(x) * channels):
        n, first = each // channels, each % channels * plane
        row, shift = x[n, first : first + plane], _shift(x[0, first])
        total, squares = 0.0, 0.0
        for i in range(row.size):
            d = np.float64(row[i]) - shift
            total += d
            squares += d * d
        sums[n, each % channels, 0], sums[n, each % channels, 1] = total, squares


@kernel
def _finish(x, sums, mean, variance, std, inside, outside, plane):
    real = x.dtype.type
    for c in prange(mean.size):
        total, squares = 0.0, 0.0
        for n in range(len(sums)):
            total += sums[n, c, 0]
            squares += sums[n, c, 1]
        shift = _shift(x[0, c * plane])
        mean[c], variance[c] = _moments(total, squares, shift, len(x) * plane)
        std[c] = np.sqrt(variance[c] + real(inside)) + real(outside)


@kernel
def _standardize(x, y, kept, mean, std, plane):
    channels = mean.size
    for each in prange(len(x) * channels):
        n, c = each // channels, each % channels
        row, out = x[n, c * plane : (c + 1) * plane], y[n, c * plane : (c + 1) * plane]
        if len(kept):
            copy = kept[n, c * plane : (c + 1) * plane]
            for i in range(row.size):
                copy[i] = row[i]
        middle, scale = mean[c], 1 / std[c]
        for i in range(row.size):
            out[i] = (row[i] - middle) * scale


@kernel
def _batch_norm_together(x, y, kept, mean, variance, std, inside, outside, plane):
    real = y.dtype.type
    channels = max(1, _TOGETHER // plane)
    for task in prange((mean.size + channels - 1) // channels):
        low, high = task * channels, min(mean.size, (task + 1) * channels)
        first, last = low * plane, high * plane
        size = last - first
        shift, total, squares = np.empty(size), np.zeros(size), np.zeros(size)
        means, scales = np.empty(size, x.dtype), np.empty(size, x.dtype)
        for i in range(size):
            shift[i] = _shift(x[0, first + i // plane * plane])
        for n in range(len(x)):
            row = x[n, first:last]
            for i in range(size):
                d = row[i] - shift[i]
                total[i] += d
                squares[i] += d * d
        for c in range(low, high):
            at = c * plane - first
            part, parts = 0.0, 0.0
            for i in range(at, at + plane):
                part += total[i]
                parts += squares[i]
            mean[c], variance[c] = _moments(part, parts, shift[at], len(x) * plane)
            std[c] = np.sqrt(variance[c] + real(inside)) + real(outside)
            means[at : at + plane] = mean[c]
            scales[at : at + plane] = 1 / std[c]
        for n in range(len(x)):
            row, out = x[n, first:last], y[n, first:last]
            if len(kept):
                copy = kept[n, first:last]
                for i in range(size):
                    copy[i] = row[i]
            for i in range(size):
                out[i] = (row[i] - means[i]) * scales[i]


@kernel
def _grad_sums(x, dy, mean, sums, plane):
    """What dy and ``dy (x - mean)`` add up to: of each plane, then, at n = 0, of all."""
    channels = mean.size
    for each in prange(len(x) * channels):
        n, c = each // channels, each % channels
        row, grad = x[n, c * plane : (c + 1) * plane], dy[n, c * plane : (c + 1) * plane]
        total, along, middle = 0.0, 0.0, mean[c]
        for i in range(row.size):
            d = np.float64(grad[i])
            total += d
            along += d * np.float64(row[i] - middle)
        sums[n, c, 0], sums[n, c, 1] = total, along
    for c in prange(channels):
        for n in range(1, len(x)):
            sums[0, c, 0] += sums[n, c, 0]
            sums[0, c, 1] += sums[n, c, 1]


@kernel
def _grad(x, dy, dx, mean, std, sums, plane):
    channels, real = mean.size, x.dtype.type
    for each in prange(len(x) * channels):
        n, c = each // channels, each % channels
        middle, scale, count = mean[c], 1 / std[c], len(x) * plane
        common, slope = real(sums[0, c, 0] / count), real(sums[0, c, 1] / count) * scale * scale
        row, grad = x[n, c * plane : (c + 1) * plane], dy[n, c * plane : (c + 1) * plane]
        out = dx[n, c * plane : (c + 1) * plane]
        for i in range(row.size):
            out[i] = (grad[i] - common - (row[i] - middle) * slope) * scale


@kernel
def _batch_norm_grad_together(x, dy, dx, mean, std, plane):
    channels = max(1, _TOGETHER // plane)
    for task in prange((mean.size + channels - 1) // channels):
        low, high = task * channels, min(mean.size, (task + 1) * channels)
        first, last = low * plane, high * plane
        size = last - first
        total, along = np.zeros(size), np.zeros(size)
        means, scales = np.empty(size, x.dtype), np.empty(size, x.dtype)
        commons, slopes = np.empty(size, x.dtype), np.empty(size, x.dtype)
        for i in range(size):
            means[i] = mean[low + i // plane]
            scales[i] = 1 / std[low + i // plane]
        for n in range(len(x)):
            row, grad = x[n, first:last], dy[n, first:last]
            for i in range(size):
                d = np.float64(grad[i])
                total[i] += d
                along[i] += d * np.float64(row[i] - means[i])
        for at in range(0, size, plane):
            part, parts, count = 0.0, 0.0, len(x) * plane
            for i in range(at, at + plane):
                part += total[i]
                parts += along[i]
            commons[at : at + plane] = part / count
            slopes[at : at + plane] = parts / count * scales[at] * scales[at]
        for n in range(len(x)):
            row, grad, out = x[n, first:last], dy[n, first:last], dx[n, first:last]
            for i in range(size):
                out[i] = (grad[i] - commons[i] - (row[i] - means[i]) * slopes[i]) * scales[i]


@kernel
def _normalize(x, y, mean, std, plane):
    """As ``_standardize``, but few elements side by side are no reason to go slowly."""
    for n in prange(len(x) if plane == 1 else 0):
        row, out = x[n], y[n]
        for i in range(row.size):
            out[i] = (row[i] - mean[i]) / std[i]
    if plane == 1:
        return
    for each in prange(len(x) * mean.size):
        n, c = each // mean.size, each % mean.size
        row, out = x[n, c * plane : (c + 1) * plane], y[n, c * plane : (c + 1) * plane]
        middle, scale = mean[c], 1 / std[c]
        for i in range(row.size):
            out[i] = (row[i] - middle) * scale


@kernel
def _center(x, y, plane):
    for c in prange(x.shape[1] // plane):
        first, last = c * plane, (c + 1) * plane
        shift, total = _shift(x[0, first]), 0.0
        for n in range(len(x)):
            row, part = x[n, first:last], 0.0
            for i in range(row.size):
                part += np.float64(row[i]) - shift
            total += part
        mean = x.dtype.type(total / (len(x) * plane) + shift)
        for n in range(len(x)):
            row, out = x[n, first:last], y[n, first:last]
            for i in range(row.size):
                out[i] = row[i] - mean
