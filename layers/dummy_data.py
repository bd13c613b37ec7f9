"""DummyData: tops filled by fillers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from minicaffe import fillers
from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import DummyDataParameter

T = TypeVar("T")

OLD_FORM = ("num", "channels", "height", "width")


@register_layer("DummyData")
class DummyData(Layer):
    """Tops of given shapes: constants filled once, others filled anew in every forward.

    Shapes:
        top[i]  as shape[i], or as shape[0] where only one is given
    Definition: ``dummy_data_param``. ``data_filler`` is given once for all tops, once for each,
    or not at all for zeros. ``num``, ``channels``, ``height`` and ``width`` are the old form of
    ``shape``: all four, each once for all tops or once for each.
    After: src/caffe/layers/dummy_data_layer.cpp.
    """

    num_bottom = Arity(0, 0)
    num_top = Arity(1, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.dummy_data_param
        fills = list(param.data_filler) or [fillers.constant(0)]
        self._fillers = _one_a_top("data_filler", fills, len(top))
        for blob, shape, filler in zip(top, _shapes(param, len(top)), self._fillers, strict=True):
            blob.reshape(shape)
            fillers.check(shape, filler)
            if filler.type == "constant":
                fillers.fill(blob, filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for blob, filler in zip(top, self._fillers, strict=True):
            if filler.type != "constant":
                fillers.fill(blob, filler)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return


def _shapes(param: DummyDataParameter, tops: int) -> list[tuple[int, ...]]:
    """The shape of each top."""
    old = [name for name in OLD_FORM if getattr(param, name)]
    if old and param.shape:
        raise LayerConfigError(f"shape and {old[0]} are given, expected one of the two forms")
    if old:
        lengths = [_one_a_top(name, getattr(param, name), tops) for name in OLD_FORM]
        return list(zip(*lengths, strict=True))
    return _one_a_top("shape", [tuple(shape.dim) for shape in param.shape], tops)


def _one_a_top(name: str, given: Sequence[T], tops: int) -> list[T]:
    """``given``, or the one element in it for each of ``tops``."""
    if len(given) not in (1, tops):
        raise LayerConfigError(
            f"{name} is given {len(given)} time(s), expected one for all tops, or one a top "
            f"({tops})"
        )
    return list(given) * (tops if len(given) == 1 else 1)
