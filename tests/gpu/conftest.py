"""What the tests on a real GPU share.

``MINICAFFE_GPU_TESTS=fake`` runs those that can be on the stand-in, to see that they would work.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from minicaffe.device import Device
from tests import fake_cupy
from tests.conftest import HAS_GPU

ON_FAKE = os.environ.get("MINICAFFE_GPU_TESTS") == "fake"


@pytest.fixture
def xp():
    """CuPy."""
    if ON_FAKE:
        return fake_cupy
    if not HAS_GPU:
        pytest.skip("needs CuPy and a CUDA device")
    import cupy

    return cupy


@pytest.fixture
def gpu(xp):
    """A device whose randomness starts anew."""
    return Device(xp, 0, np.random.default_rng(7))


@pytest.fixture
def real(xp):
    """CuPy, for what the stand-in cannot do."""
    if xp is fake_cupy:
        pytest.skip("needs a CUDA device")
    return xp
