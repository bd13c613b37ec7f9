"""Run a layer that has no bottoms: it gets a device of its own seed, and tops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.layers import create_layer
from minicaffe.proto.minicaffe_pb2 import TEST, LayerParameter, NetParameter

GOLDEN = Path(__file__).parents[1] / "golden" / "data"


def seeded(device: Device, seed: int = 1701) -> Device:
    """As ``device``, with chances of its own: what a new process starts with."""
    return Device(device.xp, device.index, np.random.default_rng(seed))


class Run:
    """A data layer and its tops."""

    def __init__(
        self,
        device: Device,
        param: LayerParameter,
        tops: int = 2,
        dtype: type = np.float64,
        seed: int = 1701,
    ) -> None:
        self.device = seeded(device, seed)
        self.top = [Blob(device, (), dtype) for _ in range(tops)]
        self.layer = create_layer(param, self.device, dtype)
        self.layer.initialize([], self.top)

    def forward(self) -> list[np.ndarray]:
        """What the tops hold after one more forward."""
        self.layer.run_forward([], self.top)
        return [self.device.to_numpy(blob.data).copy() for blob in self.top]


class Runs:
    """Makes runs of one type of layer, and closes them."""

    def __init__(self, device: Device, layer_type: str) -> None:
        self.device, self.type = device, layer_type
        self.made: list[Run] = []

    def __call__(
        self, text: str, phase: int = 0, names: Sequence[str] = (), **kwargs: object
    ) -> Run:
        """A run of the layer that ``text`` defines, by default in TRAIN."""
        param = LayerParameter(name="it", type=self.type, phase=phase, top=names)
        self.made.append(Run(self.device, text_format.Merge(text, param), **kwargs))
        return self.made[-1]

    def close(self) -> None:
        """Close all."""
        for run in self.made:
            run.layer.close()


def check_golden(device: Device, case: str) -> None:
    """Three forwards in TEST are the original's to the bit; to be run in the folder ``GOLDEN``."""
    param = text_format.Parse(Path(f"{case}.prototxt").read_text(), NetParameter()).layer[0]
    param.phase = TEST
    run = Run(device, param, tops=len(param.top), dtype=np.float32)
    expected = np.load(f"{case}.npz")
    for number in range(3):
        for name, array in zip(param.top, run.forward(), strict=True):
            np.testing.assert_array_equal(array, expected[f"out/{number}/{name}"])
    run.layer.close()
