"""Embed: a row of a learned table for each index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._index import refuse_index, refuse_index_gradient
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.rows import add_rows, take_rows
from minicaffe.ops.scale import scale, scale_grad
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("Embed")
class Embed(Layer):
    """``y = w[x] + bias``: what InnerProduct gives for vectors with a single 1, without them.

    Shapes:
        bottom[0]  x  any; indices, truncated toward 0
        top[0]     y  (\\*x, num_output)
    Blobs:
        [0]  w     (input_dim, num_output)
        [1]  bias  (num_output,), unless ``bias_term: false``
    Definition: ``embed_param``.
    After: src/caffe/layers/embed_layer.cpp. Differs: an index outside [0, input_dim), or NaN, is
    refused, where Caffe reads and writes past the table; ``force_backward`` goes past this layer,
    where Caffe aborts; a missing ``weight_filler`` starts from zeros as there, but with a warning.
    """

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.embed_param
        for field in ("num_output", "input_dim"):
            if not getattr(param, field):
                found = "0" if param.HasField(field) else "missing"
                raise LayerConfigError(f"{field} is {found}, expected at least 1")
        refuse_index_gradient(self.param.propagate_down, 0, "indices")
        trains = self.param.phase == TRAIN and not self.device.shapes_only
        if trains and not param.HasField("weight_filler") and not self.blobs:
            glog.warning(
                "embed_layer.cpp:1",
                f"layer {self.param.name!r} (Embed) has no weight_filler, so its table starts at "
                "zero; unless it is loaded, give one: weight_filler { type: 'uniform' }",
            )
        self.add_param((param.input_dim, param.num_output), param.weight_filler)
        if param.bias_term:
            self.add_param((param.num_output,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        outputs = self.param.embed_param.num_output
        top[0].reshape((*bottom[0].shape, outputs))
        self._matrix = bottom[0].count, outputs

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        table, y = self.blobs[0], top[0].data.reshape(self._matrix)
        bad = take_rows(self.xp, table.data, bottom[0].data.reshape(-1), y)
        rows = table.shape[0]
        of = "bottom[0]", rows, f"input_dim is {rows}"
        self.check(bad, bottom[0].data, partial(refuse_index, bottom[0].shape, *of))
        if self.param.embed_param.bias_term:
            y = y[:, :, None]
            scale(self.xp, y, None, self.blobs[1].data, y, None)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_index_gradient(propagate_down, 0, "indices")
        dy, dw = top[0].diff.reshape(self._matrix), wanted_diff(self, 0)
        if dw is not None:
            add_rows(self.xp, bottom[0].data.reshape(-1), dy, dw)
        scale_grad(self.xp, None, None, dy[:, :, None], None, None, wanted_diff(self, 1))
