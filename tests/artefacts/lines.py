"""The lines of the table in ``models.py``: what one says, and how it is run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from minicaffe.device import Device
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, NetState
from minicaffe.proto.text import read_net
from minicaffe.weights import Copied, load_weights

CARRIED = Path(__file__).parent
FOLDER = Path(os.environ["ARTEFACTS"]).absolute() if os.environ.get("ARTEFACTS") else None

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Images:
    """Image files as one batch, 0..255.

    Attributes:
        files: of one size.
        rgb: red first; else blue first, as the original reads.
    """

    files: tuple[str, ...]
    rgb: bool = False

    def load(self, root: Path) -> np.ndarray:
        import cv2  # where first used: importing the table stays light

        batch = np.stack([cv2.imread(str(root / name)) for name in self.files])
        channels = batch[..., ::-1] if self.rgb else batch
        return channels.transpose(0, 3, 1, 2).astype(np.float32)


Source = str | Images | np.ndarray  # a .npy file, images, or the values themselves


@dataclass(frozen=True)
class Model:
    """A line of the table.

    Attributes:
        net: the definition.
        weights: the parameters, None for a net that has none.
        refs: a .npz with ``in__BLOB`` and ``out__BLOB`` ("|" for "/"), or what goes in and what
            comes out, by blob.
        limit: how far an output may be from the reference, in parts of its largest magnitude.
        ignored: layers of the file that have parameters, and that the net does not have.
        upto: the layer that the net ends with, for a blob that later layers write into.
    """

    net: str
    weights: str | None
    refs: str | tuple[dict[str, Source], dict[str, Source]]
    limit: float = 1e-5
    ignored: tuple[str, ...] = ()
    upto: str = ""

    @property
    def name(self) -> str:
        if isinstance(self.refs, str):
            return Path(self.refs).stem
        (output,) = self.refs[1].values()
        return f"{Path(self.net).stem}-{Path(str(output)).stem}"

    def files(self) -> list[str]:
        """Every file that it needs."""
        names = [self.net, *([self.weights] if self.weights else [])]
        if isinstance(self.refs, str):
            return [*names, self.refs]
        for source in (*self.refs[0].values(), *self.refs[1].values()):
            names += source.files if isinstance(source, Images) else []
            names += [source] if isinstance(source, str) else []
        return names

    def missing(self, root: Path) -> list[str]:
        """The files that it needs and ``root`` does not have."""
        return [name for name in self.files() if not (root / name).exists()]

    def arrays(self, root: Path) -> tuple[Arrays, Arrays]:
        """What goes in and what the original computed, by blob."""
        if isinstance(self.refs, str):
            with np.load(root / self.refs) as refs:
                return _group(refs, "in__"), _group(refs, "out__")
        inputs, outputs = self.refs
        return (
            {blob: _load(source, root) for blob, source in inputs.items()},
            {blob: _load(source, root) for blob, source in outputs.items()},
        )

    def definition(self, root: Path) -> NetParameter:
        net = read_net(root / self.net)
        if self.upto:
            last = [layer.name for layer in net.layer].index(self.upto)
            del net.layer[last + 1 :]
        return net

    def build(
        self, root: Path, device: Device | None = None, dtype: type = np.float32
    ) -> tuple[Net, Copied]:
        """The net with its weights, and what the copying of them did."""
        net = Net(self.definition(root), NetState(phase=TEST), device, dtype)
        return net, load_weights(net, root / self.weights) if self.weights else Copied()


def compute(net: Net, inputs: Arrays, wanted: Arrays) -> Arrays:
    """The blobs named in ``wanted`` after a forward of ``inputs``, whatever their batch size."""
    for name, value in inputs.items():
        net.blobs[name].reshape(value.shape)
        net.blobs[name].data[...] = net.device.xp.asarray(value)
    net.forward()
    return {name: net.device.to_numpy(net.blobs[name].data).copy() for name in wanted}


def _group(refs: np.lib.npyio.NpzFile, kind: str) -> Arrays:
    return {key[len(kind) :].replace("|", "/"): refs[key] for key in refs if key.startswith(kind)}


def _load(source: Source, root: Path) -> np.ndarray:
    if isinstance(source, Images):
        return source.load(root)
    return np.load(root / source) if isinstance(source, str) else source


@dataclass(frozen=True)
class Written:
    """A file that the original wrote while it ran a definition that reads a database.

    Attributes:
        weights: the file.
        net: the definition.
        phase: that it was running in.
        image: the shape of the database's images; () where there is no database.
    """

    weights: str
    net: str
    phase: int
    image: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.weights).stem

    def missing(self, root: Path) -> list[str]:
        """The files that it needs and ``root`` does not have."""
        return [name for name in (self.net, self.weights) if not (root / name).exists()]

    def build(self, root: Path) -> tuple[Net, Copied]:
        """The net with its weights, and what the copying of them did."""
        definition = with_inputs(read_net(root / self.net), (1, *self.image))
        net = Net(definition, NetState(phase=self.phase))
        return net, load_weights(net, root / self.weights)


def with_inputs(net: NetParameter, images: tuple[int, ...]) -> NetParameter:
    """``net`` with an Input for ``images`` and labels in place of each layer that reads them."""
    result = NetParameter()
    result.CopyFrom(net)
    for layer in result.layer:
        if layer.type in ("Data", "ImageData"):
            layer.type = "Input"
            layer.input_param.shape.add(dim=images)
            layer.input_param.shape.add(dim=images[:1])
    return result


def params(lines: Sequence[Model | Written]) -> list:
    """A case for each line in each folder that has its files: slow ones in ``FOLDER``."""
    cases = [
        pytest.param(line, CARRIED, id=line.name) for line in lines if not line.missing(CARRIED)
    ]
    for line in lines if FOLDER else []:
        marks = [pytest.mark.slow]
        if absent := line.missing(FOLDER):
            marks.append(pytest.mark.skip(reason=f"ARTEFACTS has no {', '.join(absent)}"))
        cases.append(pytest.param(line, FOLDER, id=f"ARTEFACTS-{line.name}", marks=marks))
    return cases
