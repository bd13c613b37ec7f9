"""``ops.running_moments``: each body, and what it comes to over some batches."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import running_moments as ops
from tests.cuda_on_cpu import Case


def arrays(rng, channels, dtype, weight=2.5):
    many = [rng.random(channels).astype(dtype) for _ in range(4)]
    return [*many, np.array([weight], dtype)]


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for channels in (1, 5, 300):
        given = arrays(rng, channels, dtype)
        yield Case(ops.store_moments, (*given, 0.9, 1.25), f"store {channels}")
        for weight in (0.0, 0.3):
            given = arrays(rng, channels, dtype, weight)
            yield Case(ops.load_moments, (*given, 1e-3), f"load {channels}, weight {weight}")


BODIES = {
    "reference": lambda op: lambda *args: op.reference(np, *args),
    "cpu": lambda op: op.compiled,
}


@pytest.mark.parametrize("body", BODIES)
def test_what_is_stored_is_a_mean_with_weights_that_fade(rng, body):
    store, load = BODIES[body](ops.store_moments), BODIES[body](ops.load_moments)
    means, variances, weight = np.zeros(3), np.zeros(3), np.zeros(1)
    batches = rng.random((4, 2, 3))
    for mean, variance in batches:
        store(mean, variance, means, variances, weight, 0.7, 1.5)
    mean, std = np.full(3, 7.0), np.full(3, 7.0)
    load(mean, std, means, variances, weight, 0.01)
    faded = 0.7 ** np.arange(3, -1, -1)
    expected = np.average(batches, axis=0, weights=faded)
    np.testing.assert_allclose(weight, faded.sum())
    np.testing.assert_allclose(mean, expected[0])
    np.testing.assert_allclose(std, np.sqrt(1.5 * expected[1] + 0.01))


@pytest.mark.parametrize("body", BODIES)
def test_without_any_batch_it_is_0(body):
    mean, std = np.full(2, 7.0), np.full(2, 7.0)
    BODIES[body](ops.load_moments)(mean, std, np.ones(2), np.ones(2), np.zeros(1), 0.25)
    assert mean.tolist() == [0, 0]
    assert std.tolist() == [0.5, 0.5]
