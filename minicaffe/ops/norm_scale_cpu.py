"""Compiled bodies of ``ops.norm_scale``.

A worker takes a channel, or several where few elements lie side by side: what it summed up is
still in its cache when it goes over it again. Sums are in float64, of deviations from the
channel's first element, and in one order, for any number of threads.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.batch_norm_cpu import _moments, _shift
from minicaffe.ops.numba_cpu import inner, kernel, prange

_FEW = 48  # elements side by side, below which channels are taken together
_TOGETHER = 256  # elements of channels that are


def norm_scale(x, y, factor, offset, mean, variance, std, eps, relu):
    """``norm_scale.norm_scale``."""
    plane = x.shape[2]
    body = _forward_together if plane < _FEW else _forward
    body(_joined(x), _joined(y), factor, offset, mean, variance, std, eps, relu, plane)


def norm_scale_grad(x, dy, dx, factor, offset, mean, std, dfactor, doffset, relu):
    """``norm_scale.norm_scale_grad``."""
    plane = x.shape[2]
    body = _backward_together if plane < _FEW else _backward
    none = np.empty(0, x.dtype)
    out = none.reshape(0, 0) if dx is None else _joined(dx)
    dfactor, doffset = (none if a is None else a for a in (dfactor, doffset))
    body(*(_joined(x), _joined(dy), out, factor, offset, mean, std, dfactor, doffset), relu, plane)


def affine(x, y, factor, offset, relu):
    """``norm_scale.affine``."""
    _affine(_joined(x), _joined(y), factor, offset, relu, x.shape[2])


def _joined(array):
    """As (N, C * S)."""
    return array.reshape(len(array), array.shape[1] * array.shape[2])


@inner
def _line(row, out, middle, slope, offset, relu):
    zero = row.dtype.type(0)
    if relu:
        for i in range(row.size):
            value = (row[i] - middle) * slope + offset
            out[i] = zero if value < zero else value  # NaN stays, as in ReLU
    else:
        for i in range(row.size):
            out[i] = (row[i] - middle) * slope + offset


@kernel
def _forward(x, y, factor, offset, mean, variance, std, eps, relu, plane):
    real, count = x.dtype.type, len(x) * plane
    for c in prange(mean.size):
        first, last = c * plane, (c + 1) * plane
        shift, total, squares = _shift(x[0, first]), 0.0, 0.0
        for n in range(len(x)):
            row, part, parts = x[n, first:last], 0.0, 0.0
            for i in range(row.size):
                d = np.float64(row[i]) - shift
                part += d
                parts += d * d
            total += part
            squares += parts
        mean[c], variance[c] = _moments(total, squares, shift, count)
        std[c] = np.sqrt(variance[c] + real(eps))
        middle, slope, above = mean[c], factor[c] / std[c], offset[c]
        for n in range(len(x)):
            _line(x[n, first:last], y[n, first:last], middle, slope, above, relu)


@inner
def _passed(grad, value, middle, slope, above, zero):
    """The gradient that ReLU lets through."""
    return grad if (value - middle) * slope + above > zero else zero


@kernel
def _backward(x, dy, dx, factor, offset, mean, std, dfactor, doffset, relu, plane):
    real, zero, count = x.dtype.type, x.dtype.type(0), len(x) * plane
    for c in prange(mean.size):
        first, last = c * plane, (c + 1) * plane
        middle, slope, above = mean[c], factor[c] / std[c], offset[c]
        total, along = 0.0, 0.0
        for n in range(len(x)):
            row, grad, part, parts = x[n, first:last], dy[n, first:last], 0.0, 0.0
            if relu:
                for i in range(row.size):
                    g = np.float64(_passed(grad[i], row[i], middle, slope, above, zero))
                    part += g
                    parts += g * np.float64(row[i] - middle)
            else:
                for i in range(row.size):
                    g = np.float64(grad[i])
                    part += g
                    parts += g * np.float64(row[i] - middle)
            total += part
            along += parts
        along /= std[c]
        if dfactor.size:
            dfactor[c] += along
        if doffset.size:
            doffset[c] += total
        common, turn = real(total / count), real(along / count / std[c])
        for n in range(len(dx)):
            row, grad, out = x[n, first:last], dy[n, first:last], dx[n, first:last]
            if relu:
                for i in range(row.size):
                    g = _passed(grad[i], row[i], middle, slope, above, zero)
                    out[i] = (g - common - (row[i] - middle) * turn) * slope
            else:
                for i in range(row.size):
                    out[i] = (grad[i] - common - (row[i] - middle) * turn) * slope


@inner
def _spread(values, low, plane, out):
    """Each of ``values`` from ``low`` on, ``plane`` times."""
    for i in range(out.size):
        out[i] = values[low + i // plane]


@kernel
def _forward_together(x, y, factor, offset, mean, variance, std, eps, relu, plane):
    real, count = x.dtype.type, len(x) * plane
    channels = max(1, _TOGETHER // plane)
    for task in prange((mean.size + channels - 1) // channels):
        low, high = task * channels, min(mean.size, (task + 1) * channels)
        first, last = low * plane, high * plane
        size = last - first
        shift, total, squares = np.empty(size), np.zeros(size), np.zeros(size)
        means, slopes, aboves = np.empty((3, size), x.dtype)
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
            mean[c], variance[c] = _moments(part, parts, shift[at], count)
            std[c] = np.sqrt(variance[c] + real(eps))
            means[at : at + plane] = mean[c]
            slopes[at : at + plane] = factor[c] / std[c]
        _spread(offset, low, plane, aboves)
        zero = real(0)
        for n in range(len(x)):
            row, out = x[n, first:last], y[n, first:last]
            for i in range(size):
                value = (row[i] - means[i]) * slopes[i] + aboves[i]
                out[i] = zero if relu and value < zero else value


@kernel
def _backward_together(x, dy, dx, factor, offset, mean, std, dfactor, doffset, relu, plane):
    zero, count = x.dtype.type(0), len(x) * plane
    channels = max(1, _TOGETHER // plane)
    for task in prange((mean.size + channels - 1) // channels):
        low, high = task * channels, min(mean.size, (task + 1) * channels)
        first, last = low * plane, high * plane
        size = last - first
        total, along = np.zeros(size), np.zeros(size)
        means, slopes, aboves, commons, turns = np.empty((5, size), x.dtype)
        _spread(mean, low, plane, means)
        _spread(offset, low, plane, aboves)
        for i in range(size):
            slopes[i] = factor[low + i // plane] / std[low + i // plane]
        for n in range(len(x)):
            row, grad = x[n, first:last], dy[n, first:last]
            for i in range(size):
                g = grad[i]
                if relu:
                    g = _passed(g, row[i], means[i], slopes[i], aboves[i], zero)
                total[i] += g
                along[i] += np.float64(g) * np.float64(row[i] - means[i])
        for c in range(low, high):
            at = c * plane - first
            part, parts = 0.0, 0.0
            for i in range(at, at + plane):
                part += total[i]
                parts += along[i]
            parts /= std[c]
            if dfactor.size:
                dfactor[c] += parts
            if doffset.size:
                doffset[c] += part
            commons[at : at + plane] = part / count
            turns[at : at + plane] = parts / count / std[c]
        for n in range(len(dx)):
            row, grad, out = x[n, first:last], dy[n, first:last], dx[n, first:last]
            for i in range(size):
                g = grad[i]
                if relu:
                    g = _passed(g, row[i], means[i], slopes[i], aboves[i], zero)
                out[i] = (g - commons[i] - (row[i] - means[i]) * turns[i]) * slopes[i]


@kernel
def _affine(x, y, factor, offset, relu, plane):
    zero = x.dtype.type(0)
    for n in prange(len(x) if plane == 1 else 0):
        row, out = x[n], y[n]
        for c in range(row.size):
            value = row[c] * factor[c] + offset[c]
            out[c] = zero if relu and value < zero else value
    if plane == 1:
        return
    for each in prange(len(x) * factor.size):
        n, c = each // factor.size, each % factor.size
        first, last = c * plane, (c + 1) * plane
        _line(x[n, first:last], y[n, first:last], zero, factor[c], offset[c], relu)
