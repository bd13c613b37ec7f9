from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import Device, cpu
from tests import fake_cupy

try:
    import cupy

    HAS_GPU = cupy.cuda.runtime.getDeviceCount() > 0
except Exception:  # noqa: BLE001  # CuPy is absent, or finds no driver
    HAS_GPU = False

DEVICES = ["cpu", "fake", *([pytest.param("gpu", marks=pytest.mark.gpu)] if HAS_GPU else [])]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Device:
    """Each device in turn: compiled bodies, reference bodies as on a GPU, and a GPU if any."""
    rng = np.random.default_rng(1701)
    if request.param == "cpu":
        return cpu(seed=1701)
    return Device(fake_cupy if request.param == "fake" else cupy, 0, rng)


@pytest.fixture
def rng() -> np.random.Generator:
    """Inputs are made on the CPU, so that all devices see the same."""
    return np.random.default_rng(1701)
