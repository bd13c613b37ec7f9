"""Compiled bodies of ``ops.affine_sample``: of a pixel's position only four pixels are read.

Threads share out rows of the result, or planes of ``u`` where many places add to one pixel. What
each row adds to the gradient of the map is kept apart, and added up in one order.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange


def affine_sample(u, p, v):
    """``affine_sample.affine_sample``."""
    if u.size:
        _sample(u, p, v)
    else:
        v[...] = 0


def affine_sample_grad(u, p, dv, du, dp):
    """``affine_sample.affine_sample_grad``."""
    if du is not None:
        _grad_u(p, dv, du)
    if dp is not None:
        parts = np.zeros((len(u), dv.shape[2], 6))
        if u.size:
            _grad_p(u, p, dv, parts)
        dp[...] = parts.sum(axis=1)


@inner
def _before(at, size):
    """The last pixel not behind ``at``, and how far ``at`` is behind it; -2: no pixel is near."""
    if not (at >= -1 and at < size):
        return -2, at
    first = int(np.floor(at))
    return first, at - first


@inner
def _pixel(u, n, c, h, w):
    """0 around the plane."""
    inside = 0 <= h < u.shape[2] and 0 <= w < u.shape[3]
    return np.float64(u[n, c, h, w]) if inside else 0.0


@kernel
def _sample(u, p, v):
    channels, height, width = v.shape[1:]
    for task in prange(len(v) * height):
        n, i = task // height, task % height
        for j in range(width):
            r = p[n, 0] * i + p[n, 1] * j + p[n, 2]
            s = p[n, 3] * i + p[n, 4] * j + p[n, 5]
            h, down = _before(r, u.shape[2])
            w, right = _before(s, u.shape[3])
            if h == -2 or w == -2:
                nothing = np.nan if np.isnan(r) or np.isnan(s) else 0.0
                for c in range(channels):
                    v[n, c, i, j] = nothing
                continue
            for c in range(channels):
                above = (1 - right) * _pixel(u, n, c, h, w) + right * _pixel(u, n, c, h, w + 1)
                below = (1 - right) * _pixel(u, n, c, h + 1, w) + right * _pixel(
                    u, n, c, h + 1, w + 1
                )
                v[n, c, i, j] = (1 - down) * above + down * below


@inner
def _add(du, n, c, h, w, value):
    if 0 <= h < du.shape[2] and 0 <= w < du.shape[3]:
        du[n, c, h, w] += value


@kernel
def _grad_u(p, dv, du):
    channels, height, width = dv.shape[1:]
    for task in prange(len(du) * channels):
        n, c = task // channels, task % channels
        du[n, c] = 0
        for i in range(height):
            for j in range(width):
                h, down = _before(p[n, 0] * i + p[n, 1] * j + p[n, 2], du.shape[2])
                w, right = _before(p[n, 3] * i + p[n, 4] * j + p[n, 5], du.shape[3])
                if h == -2 or w == -2:
                    continue
                grad = np.float64(dv[n, c, i, j])
                _add(du, n, c, h, w, grad * (1 - down) * (1 - right))
                _add(du, n, c, h, w + 1, grad * (1 - down) * right)
                _add(du, n, c, h + 1, w, grad * down * (1 - right))
                _add(du, n, c, h + 1, w + 1, grad * down * right)


@kernel
def _grad_p(u, p, dv, parts):
    channels, height, width = dv.shape[1:]
    for task in prange(len(u) * height):
        n, i = task // height, task % height
        rows, rows_j, columns, columns_j = 0.0, 0.0, 0.0, 0.0
        for j in range(width):
            h, down = _before(p[n, 0] * i + p[n, 1] * j + p[n, 2], u.shape[2])
            w, right = _before(p[n, 3] * i + p[n, 4] * j + p[n, 5], u.shape[3])
            if h == -2 or w == -2:
                continue
            dr, ds = 0.0, 0.0
            for c in range(channels):
                a, b = _pixel(u, n, c, h, w), _pixel(u, n, c, h, w + 1)
                d, e = _pixel(u, n, c, h + 1, w), _pixel(u, n, c, h + 1, w + 1)
                grad = np.float64(dv[n, c, i, j])
                dr += grad * ((d - a) * (1 - right) + (e - b) * right)
                ds += grad * ((b - a) * (1 - down) + (e - d) * down)
            rows += dr
            rows_j += dr * j
            columns += ds
            columns_j += ds * j
        part = parts[n, i]
        part[0], part[1], part[2] = rows * i, rows_j, rows
        part[3], part[4], part[5] = columns * i, columns_j, columns
