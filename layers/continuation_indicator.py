"""ContinuationIndicator: where sequences begin, if each fills its place in the batch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("ContinuationIndicator")
class ContinuationIndicator(Layer):
    """``cont[0, n] = 0``, and ``cont[t, n] = 1`` for each later step t: each sequence is a whole.

    Shapes:
        top[0]  cont  (T, N), as LSTM, RNN, GRU and MGU take it
    Definition: ``continuation_indicator_param``: T is ``time_step``, N ``batch_size``; ``axis`` is
    not read.
    After: the layer of the fork warpctc-caffe.
    """

    origin = "warpctc-caffe"
    num_bottom = Arity(0, 0)
    backward_reads: Collection[str] = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.continuation_indicator_param
        for field in ("time_step", "batch_size"):
            if not getattr(param, field):
                found = "0" if param.HasField(field) else "missing"
                raise LayerConfigError(f"{field} is {found}, expected at least 1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.continuation_indicator_param
        top[0].reshape((param.time_step, param.batch_size))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].data[...] = 1
        top[0].data[0] = 0

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return
