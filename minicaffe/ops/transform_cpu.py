"""Compiled bodies of ``ops.transform``.

They run in the thread that prepares batches, beside the parallel kernels of the net: so they
are not parallel themselves, and they hold no GIL. Pixels are the original's to the last bit.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from minicaffe.ops.numba_cpu import exact


def crop_mirror_scale(x, mean, windows, y, scale, interleaved):
    """See ``ops.transform.crop_mirror_scale``."""
    body = _interleaved if interleaved else _planar
    body(x, mean, windows, y, y.dtype.type(scale))


@exact
def _planar(x, mean, windows, y, scale):
    height, width = y.shape[2], y.shape[3]
    whole = mean.shape[1] * mean.shape[2] > 1
    for n in range(y.shape[0]):
        top, left, mirror = windows[n]
        for c in range(y.shape[1]):
            for i in range(height):
                pixels, out = x[n, c, top + i, left : left + width], y[n, c, i]
                if whole:
                    means = mean[c, top + i, left : left + width]
                    for j in range(width):
                        out[j] = (pixels[j] - means[j]) * scale
                else:
                    m = mean[c, 0, 0]
                    for j in range(width):
                        out[j] = (pixels[j] - m) * scale
                if mirror:
                    _mirror(out)


@exact
def _interleaved(x, mean, windows, y, scale):
    height, width = y.shape[2], y.shape[3]
    whole = mean.shape[1] * mean.shape[2] > 1
    for n in range(y.shape[0]):
        top, left, mirror = windows[n]
        for i in range(height):
            pixels = x[n, top + i, left : left + width]
            for c in range(y.shape[1]):
                out = y[n, c, i]
                if whole:
                    means = mean[c, top + i, left : left + width]
                    for j in range(width):
                        out[j] = (pixels[j, c] - means[j]) * scale
                else:
                    m = mean[c, 0, 0]
                    for j in range(width):
                        out[j] = (pixels[j, c] - m) * scale
                if mirror:
                    _mirror(out)


@exact
def _mirror(row):
    for j in range(row.size // 2):
        row[j], row[row.size - 1 - j] = row[row.size - 1 - j], row[j]
