"""Input: tops that the caller fills."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("Input")
class Input(Layer):
    """Tops of given shapes, whose data is the caller's to set.

    Shapes:
        top[i]  as shape[i], or as shape[0] where only one is given; () without any
    Definition: ``input_param``.
    After: src/caffe/layers/input_layer.cpp.
    """

    num_bottom = Arity(0, 0)
    num_top = Arity(1, None)
    is_input = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shapes = [tuple(shape.dim) for shape in self.param.input_param.shape]
        if len(shapes) not in (0, 1, len(top)):
            raise LayerConfigError(
                f"shape is given {len(shapes)} time(s), expected none, one for all tops, or "
                f"one a top ({len(top)})"
            )
        if len(shapes) == 1:
            shapes *= len(top)
        for blob, shape in zip(top, shapes, strict=False):
            blob.reshape(shape)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return
