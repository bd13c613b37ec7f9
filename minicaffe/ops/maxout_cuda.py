"""The largest of some rows that follow each other, on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together

_maxout = Elements(
    "maxout",
    "-> y, int index; const T* x, size/, int pieces",
    "const I first = OVER(i, size) * (size * (pieces - 1)) + i;"
    " y = x[first]; index = 0;"
    " for (int k = 1; k < pieces; ++k) {"
    " const T value = x[first + k * size];"
    " if (value > y || (value != value && y == y)) { y = value; index = k; } }",
)
_maxout_grad = Elements(
    "maxout_grad",
    "-> dx; const T* dy, const int* index, size/, pieces/",
    "const I row = OVER(i, size), r = OVER(row, pieces), at = r * size + i - row * size;"
    " dx = index[at] == row - r * pieces ? dy[at] : (T)0;",
)
compile_together(_maxout, _maxout_grad)


def maxout(x: Array, y: Array, index: Array) -> None:
    """``maxout.maxout``."""
    _maxout(y, index, x, y.shape[1], x.shape[1])


def maxout_grad(dy: Array, index: Array, dx: Array) -> None:
    """``maxout.maxout_grad``."""
    _maxout_grad(dx, dy, index, dx.shape[2], dx.shape[1])
