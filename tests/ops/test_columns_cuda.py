"""Convolution on the GPU without cuDNN: what is not to be seen in ``tests.ops.test_cuda``."""

from __future__ import annotations

from itertools import product
from math import prod
from shutil import which

import numpy as np
import pytest

from minicaffe.ops import columns_cuda
from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window
from tests.cuda_on_cpu import Case, compare, run_on_cpu
from tests.ops.test_convolution import GEOMETRIES, TOLERANCE

MORE = {  # as GEOMETRIES
    "depthwise, more outputs": ((2, 3, 6, 7), 6, 3, (3, 2), (2, 1), (1, 1), (1, 2)),
    "depthwise, three axes": ((1, 2, 3, 4, 5), 4, 2, (2, 1, 3), (1, 1, 2), (1, 0, 1), (1, 1, 1)),
    "four axes": ((2, 2, 3, 2, 4, 3), 3, 1, (2, 1, 2, 2), (1,) * 4, (0, 0, 1, 0), (1,) * 4),
}
APART = {"all unlike", "depthwise", "three axes", "four axes"}  # each gradient alone, too
SAME = Window((3, 3), (1, 1), (1, 1), (1, 1))
LARGE = {"blocks of rows", "slices of channels", "1x1, stride, blocks", "1x1, many positions"}


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for name in [*GEOMETRIES, *MORE]:
        if name in LARGE:  # for the cache of a CPU, and long for this
            continue
        arrays = make(rng, name, dtype)
        x, w, bias, y, dy, window = arrays
        for given, relu in ((bias, True), (None, False)):
            args = x, w, given, y, window, relu
            yield case(ops.convolution, args, name, columns_cuda.convolution, dtype)
        starts = np.full_like(x, np.nan), np.ones_like(w), np.ones_like(bias)
        some = product((False, True), repeat=3) if name in APART else [(True, True, True)]
        for wanted in some:
            grads = (grad if want else None for grad, want in zip(starts, wanted, strict=True))
            args = x if wanted[1] else None, w, dy, *grads, window
            yield case(ops.convolution_grad, args, name, columns_cuda.convolution_grad, dtype)


def make(rng, name, dtype):
    shape, outputs, groups, *window = {**GEOMETRIES, **MORE}[name]
    window = Window(*window)
    x = rng.standard_normal(shape).astype(dtype)
    w = rng.standard_normal((outputs, shape[1] // groups, *window.kernel)).astype(dtype)
    bias = rng.standard_normal(outputs).astype(dtype)
    y = np.full((shape[0], outputs, *window.out(shape[2:])), np.nan, dtype)
    return x, w, bias, y, rng.standard_normal(y.shape).astype(dtype), window


def case(op, args, name, body, dtype):
    return Case(op, args, name, body, **TOLERANCE[dtype])


@pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")
@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("name", ["all unlike", "many small groups"])
def test_images_in_several_batches(rng, monkeypatch, tmp_path, name, images):
    x, w, bias, y, dy, window = make(rng, name, np.float64)
    one = x.shape[1] * prod(window.kernel) * prod(y.shape[2:]) * x.itemsize
    monkeypatch.setattr(columns_cuda, "_WORKSPACE", images * one)
    grads = np.full_like(x, np.nan), np.ones_like(w), np.ones_like(bias)
    cases = [
        case(ops.convolution, (x, w, bias, y, window), name, columns_cuda.convolution, np.float64),
        case(
            ops.convolution_grad,
            (x, w, dy, *grads, window),
            name,
            columns_cuda.convolution_grad,
            np.float64,
        ),
    ]
    taken, columns = [], columns_cuda._columns
    monkeypatch.setattr(
        columns_cuda, "_columns", lambda x, s: taken.append(len(x)) or columns(x, s)
    )
    for each in cases:
        compare(each, *run_on_cpu(each, tmp_path, backwards=False))
    assert set(taken) <= {images, len(x) % images}
    assert sum(taken) == 2 * len(x)


def test_the_columns_of_one_image_may_be_larger_than_the_work_space():
    s = columns_cuda._shape((3, 512, 224, 224), (4, 512, 3, 3), (3, 4, 224, 224), SAME)
    assert list(s.batches(4)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    s = columns_cuda._shape((300, 3, 9, 9), (4, 3, 3, 3), (300, 4, 9, 9), SAME)
    assert list(s.batches(4)) == [slice(0, 300)]
