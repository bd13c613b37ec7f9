"""Winograd's convolution, as matrices and compiled, gives what the sum as written gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import convolution, scratch_cpu, winograd_cpu, winograd_grad_cpu
from minicaffe.ops import winograd as ops
from minicaffe.ops.convolution import Window
from minicaffe.ops.winograd_sizes_cpu import sizes
from tests import fake_cupy

GEOMETRIES = {  # (N, C, H, W), outputs, groups, pad
    "one tile, no pad": ((1, 3, 6, 5), 4, 1, (0, 0)),
    "same size": ((2, 5, 9, 7), 6, 1, (1, 1)),
    "more outputs than lanes": ((3, 7, 6, 11), 37, 1, (1, 1)),
    "more outputs than a panel": ((1, 3, 9, 10), 75, 1, (0, 1)),
    "more channels than lanes": ((2, 35, 5, 9), 3, 1, (1, 0)),
    "more channels than a chunk": ((4, 18, 4, 7), 17, 1, (1, 1)),
    "full vectors": ((2, 16, 8, 12), 32, 1, (1, 1)),
    "groups": ((5, 6, 10, 7), 9, 3, (2, 1)),
    "groups wider than lanes": ((2, 36, 5, 6), 40, 2, (1, 2)),
    "wider than a strip": ((1, 4, 7, 61), 5, 1, (1, 1)),
    "rows and columns at the end of a tile": ((2, 3, 5, 4), 2, 1, (2, 2)),
    "one row": ((3, 4, 1, 9), 5, 1, (1, 1)),
    "one column": ((2, 4, 7, 1), 5, 1, (0, 1)),
    "one pixel": ((4, 3, 1, 1), 2, 1, (1, 1)),
    "two by three in a wide pad": ((2, 3, 2, 3), 4, 1, (2, 2)),
    "three by one": ((1, 5, 3, 1), 4, 1, (0, 2)),
    "blocks of tiles": ((5, 3, 41, 38), 18, 1, (1, 1)),
}
GIVEN = {  # for the outputs alone: the data gradient's pad is 2 - pad
    "pad beyond the kernel": ((2, 3, 2, 3), 4, 1, (5, 24)),
    "pad on one axis": ((1, 2, 6, 2), 3, 1, (0, 7)),
}
BOUND = 2e-5  # of the largest result; the promise is 1e-3


class Case:
    """A convolution's arrays in float32, and its results in float64, of the plain sum."""

    def __init__(self, pad, x, w, bias, dy):
        self.pad, window = pad, Window((3, 3), (1, 1), pad, (1, 1))
        self.x, self.w, self.bias, self.dy = (a.astype(np.float32) for a in (x, w, bias, dy))
        x, w, bias, dy = (a.astype(np.float64) for a in (self.x, self.w, self.bias, self.dy))
        self.y, self.dx, self.dw = np.empty(dy.shape), np.empty(x.shape), np.ones(w.shape)
        self.dbias = np.ones(bias.shape)
        convolution.convolution.reference(np, x, w, bias, self.y, window)
        grads = self.dx, self.dw, self.dbias
        convolution.convolution_grad.reference(np, x, w, dy, *grads, window)

    @classmethod
    def of(cls, rng, geometry):
        shape, outputs, groups, pad = geometry
        out = Window((3, 3), (1, 1), pad, (1, 1)).out(shape[2:])
        w_shape = outputs, shape[1] // groups, 3, 3
        shapes = shape, w_shape, (outputs,), (shape[0], outputs, *out)
        return cls(pad, *map(rng.standard_normal, shapes))

    def outputs(self, run, bias=True, **options):
        y = np.full(self.y.shape, np.nan, np.float32)
        run(self.x, self.w, self.bias if bias else None, y, self.pad, **options)
        return y

    def data(self, run, **options):
        dx = np.full(self.dx.shape, np.nan, np.float32)
        run(self.w, self.dy, dx, self.pad, **options)
        return dx

    def weights(self, run, bias=True, **options):
        dw, dbias = np.ones(self.dw.shape, np.float32), np.ones(self.dbias.shape, np.float32)
        run(self.x, self.dy, dw, dbias if bias else None, self.pad, **options)
        return dw, dbias


def check(found, expected, bound=BOUND):
    assert np.abs(found - expected).max() <= bound * np.abs(expected).max()


@pytest.fixture(params=[1, 2, 5])
def workers(request, monkeypatch):
    """The number of shares that the work is cut into, whatever the number of threads."""
    for module in (winograd_cpu, winograd_grad_cpu):
        monkeypatch.setattr(module, "threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("xp", [np, fake_cupy], ids=["numpy", "fake"])
@pytest.mark.parametrize("name", [*GEOMETRIES, *GIVEN])
def test_the_matrices(rng, xp, name):
    case = Case.of(rng, {**GEOMETRIES, **GIVEN}[name])

    def reference(op):
        def run(*args, **options):
            given = [xp.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
            op.reference(xp, *given, **options)
            for a, b in zip(args, given, strict=True):
                if isinstance(a, np.ndarray):
                    a[...] = np.asarray(b if xp is np else b.get())

        return run

    check(case.outputs(reference(ops.winograd)), case.y)
    for a, b in zip(
        case.weights(reference(ops.winograd_grad_weights)), (case.dw, case.dbias), strict=True
    ):
        check(a, b)
    if name in GEOMETRIES:
        check(case.data(reference(ops.winograd_grad_data)), case.dx)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", [*GEOMETRIES, *GIVEN])
def test_outputs(rng, workers, name, shared):
    case = Case.of(rng, {**GEOMETRIES, **GIVEN}[name])
    check(case.outputs(winograd_cpu.winograd, shared=shared), case.y)
    without = case.outputs(winograd_cpu.winograd, bias=False, shared=shared)
    check(without, case.y - case.bias.reshape(-1, 1, 1))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_data_gradient(rng, workers, name, shared):
    case = Case.of(rng, GEOMETRIES[name])
    check(case.data(winograd_cpu.winograd_grad_data, shared=shared), case.dx)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", [*GEOMETRIES, *GIVEN])
def test_weight_and_bias_gradient(rng, workers, name, shared):
    """Both are added to what is there."""
    case = Case.of(rng, {**GEOMETRIES, **GIVEN}[name])
    dw, dbias = case.weights(winograd_cpu.winograd_grad_weights, shared=shared)
    check(dw, case.dw)
    check(dbias, case.dbias)
    alone, untouched = case.weights(winograd_cpu.winograd_grad_weights, bias=False, shared=shared)
    np.testing.assert_array_equal(alone, dw)
    assert (untouched == 1).all()


@pytest.mark.parametrize("body", [winograd_cpu.winograd, None], ids=["compiled", "reference"])
def test_relu_of_the_outputs(rng, body):
    case = Case.of(rng, GEOMETRIES["more outputs than lanes"])
    run = body or (lambda *args, **options: ops.winograd.reference(np, *args, **options))
    case.x[0, 0, 2, 3] = np.nan
    found = case.outputs(run, relu=True)
    missing = np.isnan(found)
    assert missing.any()
    assert not missing[1:].any()  # of other images
    check(np.where(missing, 0, found), np.where(missing, 0, np.maximum(case.y, 0)))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", ["groups", "more channels than a chunk", "one row"])
def test_what_was_in_the_work_space_does_not_matter(rng, name, shared):
    case = Case.of(rng, GEOMETRIES[name])
    results = []
    for value in (np.nan, 1e30):
        parts = [
            lambda: case.outputs(winograd_cpu.winograd, shared=shared),
            lambda: case.data(winograd_cpu.winograd_grad_data, shared=shared),
            lambda: case.weights(winograd_cpu.winograd_grad_weights, shared=shared)[0],
            lambda: case.weights(winograd_cpu.winograd_grad_weights, shared=shared)[1],
        ]
        results.append([])
        for run in parts:
            scratch_cpu.scratch(1 << 22, np.dtype(np.float32))[:] = value
            results[-1].append(run())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_not_finite_stays_in_its_group(rng, shared):
    case = Case.of(rng, GEOMETRIES["groups"])
    case.x[:, 2:4] = np.nan
    dw, _ = case.weights(winograd_cpu.winograd_grad_weights, shared=shared)
    np.testing.assert_array_equal(np.isnan(dw).all(axis=(1, 2, 3)), [0, 0, 0, 1, 1, 1, 0, 0, 0])
    assert np.isnan(dw).sum() == dw.size // 3


@pytest.mark.parametrize("name", ["blocks of tiles", "groups wider than lanes"])
def test_the_same_bits_every_time(rng, name):
    case = Case.of(rng, GEOMETRIES[name])
    for run in (
        lambda: case.outputs(winograd_cpu.winograd),
        lambda: case.data(winograd_cpu.winograd_grad_data),
        lambda: case.weights(winograd_cpu.winograd_grad_weights)[0],
    ):
        first = run()
        for _ in range(5):
            np.testing.assert_array_equal(run(), first)


def test_error_at_512_channels(rng):
    """Inputs as a ReLU leaves them, weights as MSRA fills them."""
    x = np.maximum(rng.standard_normal((2, 512, 14, 13)), 0)
    w = rng.standard_normal((512, 512, 3, 3)) * np.sqrt(2 / 4608)
    case = Case((1, 1), x, w, rng.standard_normal(512), 1e-3 * rng.standard_normal(x.shape))
    check(case.outputs(winograd_cpu.winograd), case.y)
    check(case.data(winograd_cpu.winograd_grad_data), case.dx)
    dw, dbias = case.weights(winograd_cpu.winograd_grad_weights)
    check(dw, case.dw)
    check(dbias, case.dbias)


@pytest.mark.parametrize("workers", [1, 2, 64])
@pytest.mark.parametrize("kind", ["product", "flipped", "gradient"])
@pytest.mark.parametrize(
    ("shape", "outputs", "groups"),
    [
        ((4, 64, 224, 224), 64, 1),
        ((8, 256, 56, 56), 256, 1),
        ((4, 512, 14, 14), 512, 1),
        ((1, 6, 1, 1), 4, 2),
    ],
)
def test_work_space_is_bounded(shape, outputs, groups, kind, workers):
    """By the smaller of transformed input and weights, and a part of each worker's."""
    p = sizes(shape, outputs, groups, (1, 1), workers, kind)
    tiles, weights = 36 * p.tiles * p.c16 * groups, 36 * p.c * groups * p.panels * p.panel
    assert p.common <= min(tiles, weights)
    assert p.workers * p.sums <= 1 << 24
    assert p.own - p.sums <= 1 << 20
    assert 1 <= p.block <= p.tiles
