"""ShuffleChannel: the channels of all groups in turn."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("ShuffleChannel")
class ShuffleChannel(Layer):
    """``y[:, i G + g] = x[:, g C / G + i]``: the i-th channel of each group, then the next of each.

    Between two convolutions with groups it lets each group of the second read of all groups of the
    first. A second ShuffleChannel, of ``C / G`` groups, undoes it.

    Shapes:
        bottom[0]  x  (N, C, \\*any), C a multiple of G
        top[0]     y  as x
    Definition: ``shuffle_channel_param``; G is ``group``.
    After: X. Zhang, X. Zhou, M. Lin, J. Sun, "ShuffleNet: an extremely efficient convolutional
    neural network for mobile devices", 2017, and the layer that was written for Caffe after it.
    Differs: a bottom may have any number of axes from 2 up.
    """

    origin = "ShuffleNet"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._group = self.param.shuffle_channel_param.group
        if self._group < 1:
            raise LayerConfigError("group is 0, expected at least 1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        if shape[1] % self._group:
            raise ShapeError(
                f"bottom[0] has {shape[1]} channels, expected a multiple of group, {self._group}"
            )
        each = shape[1] // self._group
        self._groups = shape[0], self._group, each, prod(shape[2:])
        self._turns = shape[0], each, self._group, prod(shape[2:])
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        groups = bottom[0].data.reshape(self._groups)
        top[0].data.reshape(self._turns)[...] = groups.transpose(0, 2, 1, 3)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            turns = top[0].diff.reshape(self._turns)
            bottom[0].diff.reshape(self._groups)[...] = turns.transpose(0, 2, 1, 3)
