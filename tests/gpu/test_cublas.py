"""cuBLAS without CuPy, on a card: right, in a recording too, and to the same bits there."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.cuda_graph import Recorded
from minicaffe.ops import blas_cuda, cublas

pytestmark = pytest.mark.gpu


def test_it_is_there(real):
    assert cublas._blas(real) is not None, "cuBLAS is not found through CuPy: nothing is recorded"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shapes",
    [
        ((64, 800), (800, 500)),
        ((7, 13, 5), (7, 5, 11)),
        ((20, 500), (9, 500, 24)),
        ((1, 3), (3, 1)),
    ],
)
def test_products_in_a_recording(gpu, xp, rng, shapes, dtype):
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    first, second = xp.asarray(a), xp.asarray(np.ascontiguousarray(b.swapaxes(-1, -2)))
    out = xp.zeros((a @ b).shape, dtype)
    times = 2 if xp.__name__ == "cupy" and a.ndim == b.ndim == 2 else 1

    def work():
        cublas.matmul(xp, first, second.swapaxes(-1, -2), out)
        if times == 2:
            blas_cuda.add_product(first, second, out, turn_b=True)
        return out

    written = work().get()
    limit = 1e-4 if dtype == "float32" else 1e-12
    expected = a.astype("float64") @ b.astype("float64")
    np.testing.assert_allclose(written, times * expected, limit, limit * 10)
    work()  # nothing is made for the first time in the recording
    recorded = Recorded(gpu, work)
    for _ in range(2):
        out.fill(7)
        np.testing.assert_array_equal(recorded.run().get(), written)


def test_a_recording_that_is_gone_gives_its_memory_back(gpu, xp):
    """Also what is free in its pool: CuPy's pools do not give that back by themselves."""
    size = 64 << 20

    def work():
        return (xp.zeros(size // 4, "float32") + 2).sum()

    work()
    xp.get_default_memory_pool().free_all_blocks()
    free, _ = xp.cuda.runtime.memGetInfo()
    for _ in range(3):
        recorded = Recorded(gpu, work)
        assert float(recorded.run()) == size // 2
        del recorded
    xp.get_default_memory_pool().free_all_blocks()
    assert xp.cuda.runtime.memGetInfo()[0] > free - size
