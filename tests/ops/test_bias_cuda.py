"""Bias and ReLU after a convolution on the GPU; run by ``tests.ops.test_cuda``."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from minicaffe.ops.bias_cuda import finish
from tests.cuda_on_cpu import Case


def reference(xp, y, bias, relu):
    if bias is not None:
        y += bias.reshape(-1, *[1] * (y.ndim - 2))
    if relu:
        y[...] = xp.maximum(y, 0)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in ((2, 3, 5, 7), (3, 2), (1, 300, 2), (0, 3, 4)):
        y, bias = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[1])
        y.reshape(-1)[::5] = np.nan
        for args in ((bias.astype(dtype), True), (bias.astype(dtype), False), (None, True)):
            op = SimpleNamespace(reference=reference)
            yield Case(op, (y, *args), f"finish {shape} {args[1]}", finish)
