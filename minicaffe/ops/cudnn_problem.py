"""What of a convolution cuDNN is to compute, and what computes the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.convolution import Window
from minicaffe.ops.cudnn import library
from minicaffe.ops.cudnn_graph import DATA, FORWARD, WEIGHTS, Problem
from minicaffe.ops.cudnn_plans import can, chosen
from minicaffe.ops.products import current


def problem_of(
    what: str,
    x: Array,
    w: Array,
    y: Array,
    window: Window,
    bias: bool = False,
    relu: bool = False,
) -> Problem | None:
    """What cuDNN is to compute; None leaves it to the columns."""
    engine, precision = current()
    axes = len(window.kernel)
    if engine == "CAFFE" or not 1 <= axes <= 3 or not (x.size and w.size and y.size):
        return None
    if library() is None:
        return None
    if x.dtype.char == "d":
        precision = "double"
    one = (1,) * (axes == 1)  # cuDNN wants two axes at least
    x_shape, w_shape, y_shape = ((*a.shape[:2], *one, *a.shape[2:]) for a in (x, w, y))
    stride, dilation = (*one, *window.stride), (*one, *window.dilation)
    pad = (*(0 for _ in one), *window.pad)
    problem = Problem(what, x_shape, w_shape, y_shape, stride, pad, dilation, precision)
    if precision != "bf16":  # there cuDNN has no plan that adds a bias
        problem = problem._replace(bias=bias, relu=relu)
    return problem if can(problem) else None


def planned(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    y_shape: tuple[int, ...],
    window: Window,
    bias: bool,
) -> dict[str, str]:
    """Which body does a convolution of these shapes on the current GPU, as the layer asks for it.

    Returns:
        "forward", "data gradient" and "weight gradient" to the name of cuDNN's plan, to "cuDNN"
        where none has been chosen yet, or to "columns".
    """
    shapes = (x_shape, w_shape, y_shape)
    x, w, y = (np.broadcast_to(np.zeros((), dtype), shape) for shape in shapes)
    found = {}
    for what in (FORWARD, DATA, WEIGHTS):
        asked = [problem_of(what, x, w, y, window, bias and what == FORWARD)]
        if what == FORWARD:  # one that runs with a ReLU says so
            asked.insert(0, problem_of(what, x, w, y, window, bias, True))
        names = [chosen(problem) for problem in asked if problem is not None]
        found[what] = next(filter(None, names), "cuDNN") if names else "columns"
    return found
