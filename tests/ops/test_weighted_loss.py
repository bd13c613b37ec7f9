"""Each compiled body of ``ops.weighted_loss`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import weighted_loss as ops
from minicaffe.ops.softmax import softmax
from tests.cuda_on_cpu import Case

SHAPES = [(3, 1, 1), (7, 37, 1), (2600, 10, 1), (2, 3, 5), (3, 21, 300), (2, 3, 9001), (0, 3, 4)]


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def inputs(rng, shape, dtype):
    x = (rng.standard_normal(shape) * 20).astype(dtype)
    prob = np.empty_like(x)
    if x.size:
        softmax.reference(np, x, prob)
    label = rng.integers(0, shape[1], (shape[0], shape[2])).astype(dtype)
    label[rng.random(label.shape) < 0.2] = 255
    return prob, label


def check(op, inputs, outputs, dtype):
    """Both bodies on ``inputs``, which write what is shaped as ``outputs``."""
    found = [np.full_like(output, 7) for output in outputs]
    expected = [np.full_like(output, 7) for output in outputs]
    assert op.compiled(*inputs, *found) == op.reference(np, *inputs, *expected)
    exact = {"rtol": 3e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-13}
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **exact)
    return expected


@pytest.mark.parametrize("smoothing", [0, 0.125])
@pytest.mark.parametrize("shape", SHAPES)
def test_weighted(rng, shape, dtype, smoothing):
    prob, label = inputs(rng, shape, dtype)
    weight = rng.uniform(0, 3, shape[1]).astype(dtype)
    given = prob, label, 255.0, weight, smoothing
    scale, _ = check(ops.weighted_loss, given, [label, np.zeros(2)], dtype)
    given = prob, label, 255.0, scale, smoothing, 0.7
    check(ops.weighted_loss_grad, given, [prob], dtype)


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_focal(rng, shape, dtype, gamma):
    prob, label = inputs(rng, shape, dtype)
    check(ops.focal_loss, (prob, label, 255.0, gamma), [label, np.zeros(2)], dtype)


@pytest.mark.parametrize("shape", [(2600, 10, 1), (2, 3, 9001)])
def test_the_first_bad_label(rng, shape, dtype):
    prob, label = inputs(rng, shape, dtype)
    one = np.ones(shape[1], dtype), 0.0, np.zeros_like(label), np.zeros(2)
    for index in (label.size - 1, label.size // 2, label.size // 3, 0):
        label.reshape(-1)[index] = np.nan
        rest = 255.0, *one
        assert ops.weighted_loss.compiled(prob, label, *rest) == index
        assert ops.weighted_loss.reference(np, prob, label, *rest) == index
        assert ops.focal_loss.compiled(prob, label, 255.0, 2.0, *one[2:]) == index
        assert ops.focal_loss.reference(np, prob, label, 255.0, 2.0, *one[2:]) == index


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 3e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-9}
    for shape in SHAPES:
        prob, label = inputs(rng, shape, dtype)
        weight = rng.uniform(0, 3, shape[1]).astype(dtype)
        scale, total, dx = np.full_like(label, 7), np.full(2, 7.0), np.full_like(prob, 7)
        for number in (0, 0.125, 2):
            name = f"{shape} {number}"
            args = prob, label, 255.0, number, scale, total
            yield Case(ops.focal_loss, args, name, **close)
            if number < 1:
                args = prob, label, 255.0, weight, number, scale, total
                yield Case(ops.weighted_loss, args, name, **close)
                for factor in (0.7, np.array(0.3, dtype)):
                    args = prob, label, 255.0, label / 7, number, factor, dx
                    yield Case(ops.weighted_loss_grad, args, name, **close)
        for place in {0, label.size // 2, label.size - 1} if label.size else ():
            bad = label.copy()
            bad.reshape(-1)[place] = np.nan
            bad.reshape(-1)[-1] = shape[1]
            args = prob, bad, 255.0, weight, 0.0, scale, total
            yield Case(ops.weighted_loss, args, f"{shape} bad {place}", refused=True)
            args = prob, bad, 255.0, 2.0, scale, total
            yield Case(ops.focal_loss, args, f"{shape} bad {place}", refused=True)
