from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minicaffe.device import Device
from minicaffe.pycaffe import mode
from minicaffe.pycaffe.net import Net
from tests.pycaffe.nets import DEPLOY, TESTNET


@pytest.fixture
def built_on(device: Device) -> Iterator[Device]:
    """Nets are built on each device in turn."""
    before = mode.device()
    mode.use(device)
    yield device
    mode.use(before)


@pytest.fixture
def written(tmp_path: Path):
    """The path of a file that holds a definition."""

    def write(text: str, name: str = "net.prototxt") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def testnet(written, built_on: Device) -> Net:
    """Data, a convolution, an inner product and a loss, in TRAIN."""
    return Net(written(TESTNET), 0)


@pytest.fixture
def deploy(written, built_on: Device) -> Net:
    """One that the caller fills, in TEST."""
    return Net(written(DEPLOY), 1)
