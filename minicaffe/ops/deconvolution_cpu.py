"""Deconvolution for the CPU: the compiled convolution, roles swapped, and the bias."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops import convolution_choice_cpu as ops
from minicaffe.ops.numba_cpu import kernel, prange


def deconvolution(x, w, bias, y, window):
    """``deconvolution.deconvolution``, for C-contiguous arrays."""
    ops.convolution_grad(None, w, x, y, None, None, window)
    if bias is not None:
        _add_bias(_planes(y), bias)


def deconvolution_grad(x, w, dy, dx, dw, dbias, window):
    """``deconvolution.deconvolution_grad``, for C-contiguous arrays."""
    if dx is not None:
        ops.convolution(dy, w, None, dx, window)
    if dw is not None:
        ops.convolution_grad(dy, w, x, None, dw, None, window)
    if dbias is not None:
        _add_sums(_planes(dy), dbias)


def _planes(y):
    """(N, O, elements)."""
    return y.reshape(*y.shape[:2], np.prod(y.shape[2:], dtype=int))


@kernel
def _add_bias(y, bias):
    for each in prange(y.shape[0] * y.shape[1]):
        n, o = each // y.shape[1], each % y.shape[1]
        row, value = y[n, o], bias[o]
        for i in range(row.size):
            row[i] += value


@kernel
def _add_sums(dy, dbias):
    for o in prange(dbias.size):
        total = 0.0
        for n in range(len(dy)):
            row, part = dy[n, o], dy.dtype.type(0)
            for i in range(row.size):
                part += row[i]
            total += part
        dbias[o] += total
