"""The compiled body of ``ops.gated`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import gated as ops
from minicaffe.ops import steps_cpu
from minicaffe.ops.numba_cpu import threads
from tests.cuda_on_cpu import Case

# one worker; one step; shares of sequences; shares of units, more than divide them evenly
SHAPES = [(3, 2, 5), (1, 3, 4), (5, 3, 100), (3, 30, 171)]


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


@pytest.mark.parametrize("gates", [2, 3])
def test_shapes_cover_each_way_to_share(gates):
    for index, (steps, count, units) in enumerate(SHAPES):
        shares = (1, 1, min(threads(), count), threads())[index]
        w = np.empty((gates * units, units))
        assert steps_cpu.shares(steps, w, count, 3) == (shares, index == 3)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gated(rng, dtype, shape, count):
    steps, sequences, units = shape
    cont = rng.choice([0, 0.5, 1, 1], shape[:2]).astype(dtype)
    w = (rng.standard_normal((count * units, units)) / units**0.5).astype(dtype)
    h = rng.standard_normal((sequences, units)).astype(dtype)
    gates = rng.standard_normal((steps, sequences, count * units)).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    found = []
    for run, grad in (
        (ops.gated.compiled, ops.gated_grad.compiled),
        (
            lambda *given: ops.gated.reference(np, *given),
            lambda *given: ops.gated_grad.reference(np, *given),
        ),
    ):
        state, units_of = h.copy(), gates.copy()
        hidden, reset, y = (np.full(shape, np.nan, dtype) for _ in range(3))
        run(cont, w, state, units_of, hidden, reset, y)
        dgates = np.full_like(gates, np.nan)
        grad(cont, w, units_of, hidden, dy, dgates)
        found.append([state, units_of, hidden, reset, y, dgates])
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    for one, other in zip(*found, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
def test_any_number_of_workers(rng, monkeypatch, shape):
    steps, sequences, units = shape
    cont = np.ones(shape[:2])
    w = rng.standard_normal((3 * units, units)) / units**0.5
    gates, found = rng.standard_normal((steps, sequences, 3 * units)), []
    for workers in (1, 2, 7):
        monkeypatch.setattr(steps_cpu, "threads", lambda count=workers: count)
        hidden, reset, y = (np.empty(shape) for _ in range(3))
        ops.gated.compiled(cont, w, np.zeros(shape[1:]), gates.copy(), hidden, reset, y)
        found.append(y)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-12)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {}
    for count in (2, 3):
        for shape in [*SHAPES[:2], (4, 3, 130), (2, 0, 4)]:
            steps, sequences, units = shape
            cont = rng.choice([0, 0.5, 1, 1], shape[:2]).astype(dtype)
            w = (rng.standard_normal((count * units, units)) / units**0.5).astype(dtype)
            h, hidden, reset, y, dy = (
                rng.standard_normal(each).astype(dtype) for each in (shape[1:], *[shape] * 4)
            )
            gates = rng.standard_normal((steps, sequences, count * units)).astype(dtype)
            name = f"{shape} {count}"
            yield Case(ops.gated, (cont, w, h, gates, hidden, reset, y), name, **close)
            ops.gated.reference(np, cont, w, h, gates, hidden, reset, y)
            args = cont, w, gates, hidden, dy, np.full_like(gates, 7)
            yield Case(ops.gated_grad, args, name, **close)
