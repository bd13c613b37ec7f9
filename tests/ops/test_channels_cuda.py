"""How blocks share out channels: every element once, on any shape."""

from __future__ import annotations

from shutil import which

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicaffe.ops import batch_norm, channels_cuda, scale
from minicaffe.ops.channels_cuda import ROW_SHARE, SHARE, plan, row_plan
from tests.cuda_on_cpu import Case, compare, run_on_cpu

needs_gxx = pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")


@given(st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000)))
def test_shares_cover_a_channel(shape):
    items, channels, plane, shares, length = plan(shape).args
    size = items * plane
    assert (size, channels) == (shape[0] * shape[2], shape[1])
    assert plane > 0
    assert shares * length >= size
    assert size == 0 or (shares - 1) * length < size
    assert shares == 1 or length > SHARE // 2
    assert plan(shape).blocks <= max(channels, 2 * 2048)


@given(st.integers(0, 5000), st.integers(1, 10**6))
def test_a_row_is_shared_out_by_its_size_alone(rows, size):
    (one, row, of), shares, length = row_plan(rows, size)
    assert (one, row, of) == (1, rows, size)
    assert (shares, length) == row_plan(1, size)[1:]
    assert (shares - 1) * length < size <= shares * length
    assert length <= ROW_SHARE


@needs_gxx
@pytest.mark.parametrize("shape", [(2, 1, 3001), (301, 2, 7)], ids=str)
def test_more_shares_than_a_block_has_threads(rng, monkeypatch, tmp_path_factory, shape):
    monkeypatch.setattr(channels_cuda, "SHARE", 4)
    assert plan(shape).shares > 256
    x, dy = rng.standard_normal((2, *shape))
    moments = [np.full(shape[1], 7.0) for _ in range(3)]
    sums = np.ones(shape[1]), np.ones(shape[1])
    for case in (
        Case(batch_norm.batch_norm, (x, x, None, *moments, 0.25, 0.0), "batch_norm"),
        Case(batch_norm.batch_norm_grad, (x, dy, dy, *moments[:2]), "batch_norm_grad"),
        Case(scale.scale_grad, (x, None, dy, None, *sums), "scale_grad"),
    ):
        compare(case, *run_on_cpu(case, tmp_path_factory.getbasetemp(), backwards=True))
