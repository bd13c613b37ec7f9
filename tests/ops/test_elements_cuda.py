"""Kernels over single elements: what a signature says, and what is passed to it."""

from __future__ import annotations

from shutil import which

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicaffe.ops.elements_cuda import Elements, compile_together, divider, number
from tests.cuda_on_cpu import cupy_on_cpu

needs_gxx = pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_a_divider_divides(divisor, index):
    same, factor, shift = divider(divisor)
    assert same == divisor
    assert index * factor < 2**64
    for i in {index, index // divisor * divisor, max(0, index // divisor * divisor - 1)}:
        assert i * factor >> shift == i // divisor


@pytest.mark.parametrize("value", [3, 0.5, np.float64(0.5), np.float32(0.5)])
def test_a_number_is_passed_as_it_is(value):
    assert number(value) == (None, value)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_an_array_of_one_element_is_passed_for_the_kernel_to_read(shape):
    array, rest = number(np.full(shape, 0.5))
    assert (array, rest) == ([0.5], 0.0)
    assert array.dtype == np.float64
    assert number(np.full(shape, 0.5, np.float32))[0].dtype == np.float64


@pytest.fixture(scope="module")
def mixture():
    """All that a signature can have."""
    elements = Elements(
        "mixture",
        "x, int mark, more?2 -> y, z?, mark; factor, shift@, const T* row, width/",
        "y = x * factor + shift * more + row[i - OVER(i, width) * width]; z = more; mark += 1;",
    )
    compile_together(elements)
    return elements


@needs_gxx
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 4000])
def test_signature(mixture, rng, tmp_path_factory, size, backwards):
    x, more = rng.standard_normal((2, size))
    row, mark = rng.standard_normal(7), rng.integers(0, 9, size).astype(np.int32)
    folder = tmp_path_factory.getbasetemp()
    for has_more, has_z, shift in [(True, True, 0.5), (False, False, np.array(-0.25))]:
        with cupy_on_cpu(folder, backwards) as cupy:
            marks = cupy.asarray(mark)
            y, z = (cupy.asarray(np.full(size, 7.0)) for _ in range(2))
            given_more = cupy.asarray(more) if has_more else None
            there = cupy.asarray(shift) if isinstance(shift, np.ndarray) else shift
            rows = cupy.asarray(row)
            outputs = y, z if has_z else None
            mixture(cupy.asarray(x), marks, given_more, *outputs, 3.0, there, rows, 7)
        second = more if has_more else 2.0
        expected = x * 3 + shift * second + np.resize(row, size)
        np.testing.assert_allclose(y.get(), expected, rtol=1e-12)
        np.testing.assert_array_equal(z.get(), second if has_z else 7.0)
        np.testing.assert_array_equal(marks.get(), mark + 1)


def test_no_elements_launch_nothing(mixture):
    empty = np.empty(0)
    mixture(empty, empty.astype(np.int32), None, empty, None, 3.0, 0.5, empty, 0)
