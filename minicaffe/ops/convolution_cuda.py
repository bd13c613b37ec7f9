"""Convolution on the GPU: by cuDNN or, where it cannot or shall not, by products with columns.

``engine: CAFFE`` asks for columns; ``CUDNN`` and ``DEFAULT`` take cuDNN where it is. In bf16
the factors are rounded to bfloat16, their products are added up in float32, and the sum is rounded
to bfloat16 once more before bias and ReLU, or before it is added to the gradient of weights.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops import columns_cuda as by_columns
from minicaffe.ops.bfloat16_cuda import add_widened, halves, narrow, widen
from minicaffe.ops.convolution import Window
from minicaffe.ops.cudnn_graph import DATA, FORWARD, WEIGHTS, Problem
from minicaffe.ops.cudnn_plans import Arrays, run
from minicaffe.ops.cudnn_problem import problem_of


def convolution(
    x: Array, w: Array, bias: Array | None, y: Array, window: Window, relu: bool = False
) -> None:
    """``convolution.convolution``."""
    problem = problem_of(FORWARD, x, w, y, window, bias is not None, relu)
    if problem is None:
        by_columns.convolution(x, w, bias, y, window, relu)
    elif problem.precision == "bf16":
        pairs = halves(y.size)
        run(problem, Arrays(narrow(x), narrow(w), pairs))
        widen(pairs, y, bias, relu)
    else:
        run(problem, Arrays(x, w, y, bias))


def convolution_grad(
    x: Array | None,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """``convolution.convolution_grad``."""
    if dbias is not None:
        by_columns.bias_grad(dy, dbias)
    data = problem_of(DATA, dx, w, dy, window) if dx is not None else None
    weights = problem_of(WEIGHTS, x, dw, dy, window) if dw is not None else None
    if data is not None or weights is not None:
        is_rounded = "bf16" in {problem.precision for problem in (data, weights) if problem}
        given = narrow(dy) if is_rounded else dy
        if data is not None:
            _data(data, w, given, dx)
            dx = None
        if weights is not None:
            _weights(weights, x, given, dw)
            dw = None
    if dx is not None or dw is not None:
        by_columns.convolution_grad(x, w, dy, dx, dw, None, window)


def _data(problem: Problem, w: Array, dy: Array, dx: Array) -> None:
    if problem.precision == "bf16":
        pairs = halves(dx.size)
        run(problem, Arrays(dy, narrow(w), pairs))
        widen(pairs, dx)
    else:
        run(problem, Arrays(dy, w, dx))


def _weights(problem: Problem, x: Array, dy: Array, dw: Array) -> None:
    """cuDNN's graphs overwrite: what they give is added here."""
    import cupy

    if problem.precision == "bf16":
        pairs = halves(dw.size)
        run(problem, Arrays(narrow(x), dy, pairs))
        add_widened(pairs, dw)
    else:
        part = cupy.empty(dw.shape, dw.dtype)
        run(problem, Arrays(x, dy, part))
        dw += part
