"""Compiled bodies of ``ops.transform``.

They run in the threads that prepare batches, beside the parallel kernels of the net: so they
are not parallel themselves, and they hold no GIL. Pixels of ``crop_mirror_scale`` are the
original's to the last bit.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np

from minicaffe.ops.numba_cpu import exact, inner


def crop_mirror_scale(x, mean, windows, y, scale, interleaved):
    """See ``ops.transform.crop_mirror_scale``."""
    body = _interleaved if interleaved else _planar
    body(x, mean, windows, y, y.dtype.type(scale))


@exact
def _planar(x, mean, windows, y, scale):
    height, width = y.shape[2], y.shape[3]
    whole = mean.shape[1] * mean.shape[2] > 1
    spare = np.empty(width, y.dtype)
    for n in range(y.shape[0]):
        top, left, mirror, mean_top, mean_left = windows[n]
        for c in range(y.shape[1]):
            for i in range(height):
                pixels, out = x[n, c, top + i, left : left + width], y[n, c, i]
                if whole:
                    means = mean[c, mean_top + i, mean_left : mean_left + width]
                    for j in range(width):
                        out[j] = (pixels[j] - means[j]) * scale
                else:
                    m = mean[c, 0, 0]
                    for j in range(width):
                        out[j] = (pixels[j] - m) * scale
                if mirror:
                    _mirror(out, spare)


@exact
def _interleaved(x, mean, windows, y, scale):
    channels, height, width = y.shape[1:]
    whole = mean.shape[1] * mean.shape[2] > 1
    spare = np.empty(width, y.dtype)
    planes = np.empty((channels, width), x.dtype)
    for n in range(y.shape[0]):
        top, left, mirror, mean_top, mean_left = windows[n]
        for i in range(height):
            row = x[n, top + i].reshape(-1)[channels * left : channels * (left + width)]
            if channels == 3:
                _part_three(row, planes[0], planes[1], planes[2])
            else:
                _part(row, planes)
            for c in range(channels):
                pixels, out = planes[c], y[n, c, i]
                if whole:
                    means = mean[c, mean_top + i, mean_left : mean_left + width]
                    for j in range(width):
                        out[j] = (pixels[j] - means[j]) * scale
                else:
                    m = mean[c, 0, 0]
                    for j in range(width):
                        out[j] = (pixels[j] - m) * scale
                if mirror:
                    _mirror(out, spare)


@exact
def _part_three(pixels, first, second, third):
    """Channels apart: with a stride that is known, the compiler has vector instructions for it."""
    for j in range(first.size):
        first[j] = pixels[3 * j]
        second[j] = pixels[3 * j + 1]
        third[j] = pixels[3 * j + 2]


@exact
def _part(pixels, planes):
    channels, width = planes.shape
    for c in range(channels):
        for j in range(width):
            planes[c, j] = pixels[j * channels + c]


@exact
def _mirror(row, spare):
    last = np.uint64(row.size - 1)  # unsigned: an index that may be negative is not vectorized
    for j in range(row.size):
        spare[j] = row[j]
    for j in range(row.size):
        row[j] = spare[last - np.uint64(j)]


def recolour(y, offset, contrast, mix):
    """See ``ops.transform.recolour``."""
    _recolour(y, *(array.astype(y.dtype) for array in (offset, contrast, mix)))


@inner
def _recolour(y, offset, contrast, mix):
    for n in range(y.shape[0]):
        pixels = y[n].reshape(-1)
        total = 0.0
        for j in range(pixels.size):
            total += pixels[j]
        factor = contrast[n]
        shift = (1 - factor) * y.dtype.type(total / pixels.size) + offset[n]
        if y.shape[1] == 3:
            size = pixels.size // 3
            _mix(pixels[:size], pixels[size : 2 * size], pixels[2 * size :], mix[n], factor, shift)
        else:
            for j in range(pixels.size):
                pixels[j] = pixels[j] * factor + shift


@inner
def _mix(first, second, third, mix, factor, shift):
    m = mix * factor
    a, b, c = m[0]
    d, e, f = m[1]
    g, h, k = m[2]
    for j in range(first.size):
        x, y, z = first[j], second[j], third[j]
        first[j] = x * a + y * b + z * c + shift
        second[j] = x * d + y * e + z * f + shift
        third[j] = x * g + y * h + z * k + shift
