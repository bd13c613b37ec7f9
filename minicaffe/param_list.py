"""The learned parameters of a net: which there are, which are shared, how fast each learns.

After: src/caffe/net.cpp (AppendParam).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ParamSharingError, at, layer_context
from minicaffe.layers import Layer
from minicaffe.proto.minicaffe_pb2 import ParamSpec


@dataclass
class Param:
    """One learned array, owned by the first layer that names it.

    Attributes:
        blob: the array and its gradient.
        layer: name of the layer that owns it.
        index: its place in that layer's blobs.
        name: ``param.name`` of the definition, empty where it has none.
        lr_mult: factor on the learning rate.
        decay_mult: factor on the weight decay.
    """

    blob: Blob
    layer: str
    index: int
    name: str
    lr_mult: float
    decay_mult: float

    @property
    def label(self) -> str:
        """What the log calls it: its name, or its index."""
        return self.name or str(self.index)


class ParamList:
    """Collects the parameters of layer after layer."""

    def __init__(self) -> None:
        self.learned: list[Param] = []
        self._named: dict[str, tuple[Param, set[str], str]] = {}  # param, fields given, origin

    def append(self, layer: Layer) -> None:
        """Take up the parameters of ``layer``, which is set up; joins those that are shared.

        Also sets ``layer.param_propagate_down``: no gradient where lr_mult is 0.

        Raises:
            LayerConfigError: more ``param`` entries than parameters.
            ParamSharingError: one name, but another shape, lr_mult or decay_mult.
        """
        given = layer.param.param
        if len(given) > len(layer.blobs):
            with layer_context(layer.param, "setup"):
                raise LayerConfigError(
                    f"{len(given)} param entries, expected at most {len(layer.blobs)}: "
                    "one for each parameter"
                )
        for index, blob in enumerate(layer.blobs):
            spec = given[index] if index < len(given) else ParamSpec()
            if spec.name and spec.name in self._named:
                self._share(layer, index, blob, spec)
            else:
                param = Param(
                    blob, layer.param.name, index, spec.name, spec.lr_mult, spec.decay_mult
                )
                self.learned.append(param)
                if spec.name:
                    self._named[spec.name] = param, _given(spec), layer.param.origin
            layer.param_propagate_down[index] = spec.lr_mult != 0

    def _share(self, layer: Layer, index: int, blob: Blob, spec: ParamSpec) -> None:
        owner, given, origin = self._named[spec.name]
        strict = spec.share_mode != ParamSpec.PERMISSIVE
        here = f"{at(layer.param.origin)}layer {layer.param.name!r} ({layer.type})"
        there = f"{at(origin)}layer {owner.layer!r}"
        fits = blob.shape == owner.blob.shape if strict else blob.count == owner.blob.count
        if not fits:
            what = "shape" if strict else "count"
            raise ParamSharingError(
                f"{here}: blobs[{index}] has shape {blob.shape}, expected the {what} of param "
                f"{spec.name!r}, {owner.blob.shape}, which it shares with {there}"
            )
        for field in ("lr_mult", "decay_mult"):
            if not spec.HasField(field):
                continue
            found, allowed = getattr(spec, field), getattr(owner, field)
            if field in given and found != allowed:
                raise ParamSharingError(
                    f"{here}: {field} of the shared param {spec.name!r} is {found:g}, expected "
                    f"{allowed:g}, as {there} has it"
                )
            setattr(owner, field, found)
            given.add(field)
        blob.share_data(owner.blob)
        blob.share_diff(owner.blob)


def _given(spec: ParamSpec) -> set[str]:
    return {field for field in ("lr_mult", "decay_mult") if spec.HasField(field)}


def check_same(mine: Iterable[Blob], theirs: Iterable[Blob], layer: str) -> None:
    """Refuse to share parameters of ``layer`` with ``theirs`` unless they have the same shapes.

    Raises:
        ParamSharingError: not as many, or not of the same shapes.
    """
    shapes, expected = [b.shape for b in mine], [b.shape for b in theirs]
    if shapes != expected:
        raise ParamSharingError(
            f"layer {layer!r}: its parameters have shapes {shapes}, expected {expected}, as in "
            "the net to share them with"
        )


def share_blobs(mine: Iterable[Blob], theirs: Iterable[Blob]) -> None:
    """Let each of ``mine`` look at the data of its counterpart in ``theirs``."""
    for one, other in zip(mine, theirs, strict=True):
        one.share_data(other)
