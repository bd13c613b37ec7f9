"""The update in one pass: compiled bodies against the reference, and what a step keeps apart."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import update
from minicaffe.ops.dispatch import OPS
from tests import fake_cupy
from tests.cuda_on_cpu import Case

SHAPES = [(1,), (3, 5), (70, 1009), (2, 65536)]  # below, around and above a task's share

# op -> arrays beside w and g, constants after scale, l2 and l1
STEPS = {
    "sgd": (1, (0.1, 0.9)),
    "nesterov": (1, (0.1, 0.9)),
    "rmsprop": (1, (0.1, 0.8, 0.2, 1e-3)),
    "adadelta": (2, (0.7, 0.95, 1e-3)),
    "adam": (2, (0.1, 0.9, 0.99, 1e-3, 0.0, 0.0)),
    "adam, decoupled L2": (2, (0.1, 0.9, 0.99, 1e-3, 0.04, 0.0)),
    "adam, decoupled L1": (2, (0.1, 0.9, 0.99, 1e-3, 0.0, 0.03)),
}


def op_of(name):
    return getattr(update, name.partition(",")[0])


def arrays_of(rng, name, shape, dtype):
    """w, g and a history that is not negative, as squares are; w and g have zeros."""
    history = STEPS[name][0]
    arrays = [rng.standard_normal(shape).astype(dtype) for _ in range(2 + history)]
    arrays[2:] = [abs(array) for array in arrays[2:]]
    arrays[0].reshape(-1)[0] = 0  # whose sign is 0
    arrays[1].reshape(-1)[-1] = 0
    return arrays


def test_every_step_is_covered():
    ops = {name.removeprefix("update.") for name in OPS if name.startswith("update.")}
    assert ops == {name.partition(",")[0] for name in STEPS} | {"sum_of_squares", "trust_ratio"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2)])
@pytest.mark.parametrize("name", STEPS)
def test_compiled_is_reference(rng, name, shape, dtype, tolerance, l2, l1):
    arrays = arrays_of(rng, name, shape, dtype)
    mine, reference = [[array.copy() for array in arrays] for _ in range(2)]
    scalars = (0.5, l2, l1, *STEPS[name][1])
    op_of(name).compiled(*mine, *scalars)
    op_of(name).reference(np, *reference, *scalars)
    for found, expected, before in zip(mine, reference, arrays, strict=True):
        assert found.dtype == expected.dtype == dtype
        if shape != (1,):
            assert not np.array_equal(expected, before)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", STEPS)
def test_diff_is_what_was_subtracted(device, rng, name):
    before, *others = arrays_of(rng, name, (7, 3), np.float32)
    w, g, *history = [device.xp.asarray(a.copy()) for a in (before, *others)]
    op_of(name)(device.xp, w, g, *history, 0.5, 0.3, 0.0, *STEPS[name][1])
    w, g = device.to_numpy(w), device.to_numpy(g)
    np.testing.assert_allclose(before - g, w, rtol=1e-6, atol=1e-7)
    assert abs(g).max() > 1e-3


@pytest.mark.parametrize("name", STEPS)
def test_constants_promote_nothing_on_a_gpu(rng, name):
    arrays = [fake_cupy.asarray(a) for a in arrays_of(rng, name, (7, 3), np.float32)]
    calls = []
    for dtype in (np.float32, np.float64):
        calls.append([fake_cupy.asarray(a.get().astype(dtype)) for a in arrays])
        op_of(name)(fake_cupy, *calls[-1], 0.5, 0.3, 0.0, *STEPS[name][1])
    for single, double in zip(*calls, strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single.get(), double.get(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", STEPS)
def test_bits_do_not_depend_on_the_number_of_threads(rng, name):
    import numba

    arrays = arrays_of(rng, name, (300_007,), np.float32)
    before = numba.get_num_threads()
    results = []
    try:
        for count in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(count)
            results.append([array.copy() for array in arrays])
            op_of(name).compiled(*results[-1], 0.5, 0.3, 0.0, *STEPS[name][1])
    finally:
        numba.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_of_squares(rng, shape, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    expected = update.sum_of_squares.reference(np, x)
    assert update.sum_of_squares.compiled(x) == pytest.approx(expected, rel=1e-12)


def test_sum_of_squares_does_not_overflow():
    assert update.sum_of_squares.compiled(np.full(3, 1e30, np.float32)) == pytest.approx(3e60)


def test_sums_do_not_depend_on_the_number_of_threads(rng):
    import numba

    x = rng.standard_normal(1_000_003).astype(np.float32)
    most = numba.config.NUMBA_NUM_THREADS
    before = numba.get_num_threads()
    try:
        sums = []
        for count in {1, most}:
            numba.set_num_threads(count)
            sums.append(update.sum_of_squares.compiled(x))
    finally:
        numba.set_num_threads(before)
    assert len(set(sums)) == 1


@pytest.mark.parametrize(
    ("w", "g", "l2", "l1", "expected"),
    [
        ([3, -4, 0], [0, 2, 0], 0.0, 0.0, 0.1 * 5 / 1),
        ([3, -4, 0], [0, 2, 0], 0.5, 0.0, 0.1 * 5 / (1 + 2.5)),
        ([3, -4, 0], [0, 2, 0], 0.0, 0.5, 0.1 * 5 / (1 + 0.5 * 2**0.5)),
        ([0, 0, 0], [0, 2, 0], 0.5, 0.0, 1),
        ([3, -4, 0], [0, 0, 0], 0.5, 0.0, 1),
        ([0, 0, 0], [0, 0, 0], 0.0, 0.0, 1),
        ([3e25, -4e25, 0], [0, 2e30, 0], 0.0, 0.0, 0.1 * 5e-5),
    ],
)
def test_trust_ratio(device, w, g, l2, l1, expected):
    w, g = (device.xp.asarray(np.array(array, np.float32)) for array in (w, g))
    ratio = update.trust_ratio(device.xp, w, g, 0.5, l2, l1, 0.1)
    assert type(ratio).__module__ == type(w).__module__  # still where w is
    assert float(ratio) == pytest.approx(expected, rel=1e-6)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {}
    for name, (_, constants) in STEPS.items():
        for shape in [(1,), (3, 5), (2, 1031)]:
            for l2, l1 in [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2)]:
                arrays = arrays_of(rng, name, shape, dtype)
                yield Case(op_of(name), (*arrays, 0.5, l2, l1, *constants), name, **close)
                rate, *others = constants  # and read by the kernel
                kept = np.array(0.5), l2, l1, np.array(rate), *others
                yield Case(op_of(name), (*arrays, *kept), f"{name}, kept", **close)
    arrays = arrays_of(rng, "adam", (3, 5), dtype)
    kept = [np.array(value) for value in (1e-3, 0.04, 0.03)]
    args = *arrays, 0.5, 0.0, 0.0, 0.1, 0.9, 0.99, *kept
    yield Case(update.adam, args, "adam, all kept", **close)
    for count in (1, 300, 40_001):
        w, g = (rng.standard_normal(count).astype(dtype) for _ in range(2))
        w[1::3] = 0
        for l2, l1 in [(0.3, 0.0), (0.0, 0.2)]:
            for scale in (0.5, np.array(0.5)):
                args = w, g, scale, l2, l1, 0.01
                yield Case(update.trust_ratio, args, f"{count}, {l2}, {l1}", rtol=1e-12)
        for nothing in ((w, 0 * g), (0 * w, g)):
            yield Case(update.trust_ratio, (*nothing, 0.5, 0.3, 0.0, 0.01), "1", rtol=0)
        x = rng.standard_normal(count).astype(dtype)
        yield Case(update.sum_of_squares, (x,), f"{count}", rtol=1e-12)
    yield Case(update.sum_of_squares, (np.full(3, 1e30, dtype),), rtol=1e-12)
