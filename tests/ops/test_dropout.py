"""The generator against published numbers; each compiled body against its reference."""

from __future__ import annotations

from shutil import which

import numpy as np
import pytest

from minicaffe.ops import dropout as ops
from minicaffe.ops.dropout_cpu import _philox_block
from minicaffe.ops.numba_cpu import numba
from tests import fake_cupy
from tests.cuda_on_cpu import Case, run_on_cpu

KEY = 0x299F31D0A4093822
SIZES = [(1,), (3,), (2, 3, 5), (1024,), (7, 147), (3, 5, 400), (0, 3)]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # the known answers that come with the authors' Random123 library
        ("00000000 00000000 00000000 00000000", "00000000 00000000",
         "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
         "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)  # fmt: skip
def test_philox_known_answers(counter, key, expected):
    words = [np.array([int(word, 16)], np.uint64) for word in counter.split()]
    found = ops.philox(words, [int(word, 16) for word in key.split()])
    assert [f"{int(word[0]):08x}" for word in found] == expected.split()


@pytest.mark.parametrize("first", [0, 5, 2**32 - 3])  # across the carry into the second word
def test_philox_block_counts_on(first):
    index = np.arange(first, first + 9, dtype=np.uint64)
    zero = np.zeros_like(index)
    expected = ops.philox((index & ops.WORD, index >> 32, zero, zero), (77, 0xFFFFFFFF))
    words = np.empty((4, 9), np.uint32)
    _philox_block(words, first, np.uint32(77), np.uint32(0xFFFFFFFF))
    np.testing.assert_array_equal(words, np.stack(expected))


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.999])
@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bodies_agree(rng, shape, ratio, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    found, expected = ((np.full(shape, 7, dtype), np.full(shape, 7, np.uint8)) for _ in range(2))
    ops.dropout.compiled(x, *found, ratio, KEY)
    ops.dropout.reference(np, x, *expected, ratio, KEY)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    dx = np.full(shape, 7, dtype)
    ops.dropout_grad.compiled(x, found[1], dx, ratio)
    np.testing.assert_array_equal(dx, found[0])
    ops.dropout_grad.reference(np, x, found[1], dx, ratio)
    np.testing.assert_allclose(dx, expected[0], rtol=1e-6)
    ops.dropout.compiled(x, x, found[1], ratio, KEY)
    np.testing.assert_array_equal(x, found[0])


def test_mask_is_the_same_on_a_device():
    x = np.ones((3, 5, 7), np.float32)
    y, mask = np.empty_like(x), np.empty(x.shape, np.uint8)
    ops.dropout(np, x, y, mask, 0.4, KEY)
    on_device = [fake_cupy.asarray(a) for a in (x, y, 0 * mask)]
    ops.dropout(fake_cupy, *on_device, 0.4, KEY)
    np.testing.assert_array_equal(on_device[2].get(), mask)


def test_mask_does_not_depend_on_threads():
    x = np.ones((5000,), np.float32)
    y, mask, alone = np.empty_like(x), np.empty(5000, np.uint8), np.empty(5000, np.uint8)
    ops.dropout.compiled(x, y, mask, 0.5, KEY)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        ops.dropout.compiled(x, y, alone, 0.5, KEY)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(mask, alone)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_shares_and_independence(ratio):
    x = np.ones((2, 400_000), np.float32)
    y, mask = np.empty_like(x), np.empty(x.shape, np.uint8)
    for row, key in enumerate([KEY, KEY + 1]):
        ops.dropout(np, x[row], y[row], mask[row], ratio, key)
    kept = 1 - ratio
    sigma = np.sqrt(kept * ratio / 400_000)
    assert abs(mask.mean(1) - kept).max() < 5 * sigma
    centred = mask - kept
    for shifted in (centred[1], np.roll(centred[0], 1), np.roll(centred[0], 4)):
        assert abs((centred[0] * shifted).mean()) < 5 * kept * ratio / np.sqrt(400_000)


def test_nan_and_infinity_are_not_hidden():
    x = np.array([np.nan, np.inf] * 64, np.float32)
    y, mask = np.empty_like(x), np.empty(x.shape, np.uint8)
    ops.dropout.compiled(x, y, mask, 0.5, KEY)
    np.testing.assert_array_equal(y, [np.nan if i % 2 == 0 or not m else np.inf
                                      for i, m in enumerate(mask)])  # fmt: skip
    assert 0 < mask.sum() < mask.size


@pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gpu_gives_the_bits_of_the_cpu(rng, tmp_path_factory, dtype):
    x = rng.standard_normal(1027).astype(dtype)
    case = Case(ops.dropout, (x, np.empty_like(x), np.empty(1027, np.uint8), 0.3, 2**63 + 5))
    _, ((_, y, mask, *_), _) = run_on_cpu(case, tmp_path_factory.getbasetemp(), backwards=False)
    expected, kept = np.empty_like(x), np.empty(1027, np.uint8)
    ops.dropout.compiled(x, expected, kept, 0.3, 2**63 + 5)
    np.testing.assert_array_equal(mask.get(), kept)
    assert y.get().tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_a_factor_of_its_own(rng, dtype, body):
    x, y, dx = rng.uniform(1, 2, (3, 7, 11)).astype(dtype)
    mask = np.full(x.shape, 7, np.uint8)
    if body == "compiled":
        ops.dropout.compiled(x, y, mask, 0.3, KEY, 0.75)
        ops.dropout_grad.compiled(x, mask, dx, 0.3, 0.75)
    else:
        ops.dropout.reference(np, x, y, mask, 0.3, KEY, 0.75)
        ops.dropout_grad.reference(np, x, mask, dx, 0.3, 0.75)
    assert set(mask.flat) == {0, 1}
    np.testing.assert_allclose(y, 0.75 * x * mask, rtol=1e-6)
    np.testing.assert_allclose(dx, 0.75 * x * mask, rtol=1e-6)


@pytest.mark.parametrize("body", ["compiled", "reference"])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("kept", [0, 1, 255])
@pytest.mark.parametrize("shape", [(), (0, 3), (7, 147)])
def test_keep_or_drop(rng, body, in_place, kept, shape):
    x = rng.standard_normal(shape)
    x.reshape(-1)[:3] = (np.nan, np.inf, 2)[: x.size]
    expected = x.copy() if kept else np.zeros(shape)
    y = x if in_place else np.full(shape, 7.0)
    flag = np.array([kept], np.uint8)
    if body == "compiled":
        ops.keep_or_drop.compiled(x, y, flag)
    else:
        ops.keep_or_drop.reference(np, x, y, flag)
    np.testing.assert_array_equal(y, expected)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    exact = {"rtol": 0, "atol": 0}
    for shape in [(1,), (3,), (4,), (5, 7, 11), (1025,), (2048,)]:
        x, y = rng.standard_normal(shape).astype(dtype), np.full(shape, 7, dtype)
        mask = np.full(shape, 7, np.uint8)
        for ratio, key in [(0.5, 2**64 - 1), (0.3, 12345), (0.0, 7), (0.9, 2**40 + 3)]:
            near = (
                {"rtol": 1e-6} if dtype == np.float32 else exact
            )  # the reference multiplies in 64
            yield Case(ops.dropout, (x, y, mask, ratio, key), f"{shape} {ratio}", **near)
            kept = np.array(key, np.uint64)
            yield Case(ops.dropout, (x, x, mask, ratio, kept), f"{shape} {ratio} kept", **near)
        mask[...] = rng.random(shape) < 0.5
        yield Case(ops.dropout, (x, y, mask, 0.3, 12345, 1.0), f"{shape} 1", **near)
        yield Case(ops.dropout_grad, (x, mask, y, 0.3), f"{shape}")
        yield Case(ops.dropout_grad, (x, mask, y, 0.3, 1.0), f"{shape} 1")
        yield Case(ops.dropout_grad, (x, mask, x, 0.3), f"{shape} in place")
