"""BN: batch normalization with its factor and offset, of two forks."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.fillers import constant
from minicaffe.layers._channel_norm import ChannelNorm
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import TEST, BNParameter, LayerParameter

_FIELDS = {
    2: ("scale_filler", "shift_filler", "bn_mode"),
    4: ("slope_filler", "bias_filler", "momentum", "frozen", "engine"),
}
_NAMES = {2: "SegNet's", 4: "PSPNet's"}
_EPS = 1e-9  # SegNet's, where the definition has none


@register_layer("BN")
class BN(Layer):
    """``y = factor (x - mean) / sqrt(variance + eps) + offset``, by channel.

    Two forks have the type. A definition is SegNet's where it gives ``scale_filler``,
    ``shift_filler`` or ``bn_mode``, or holds two blobs, else PSPNet's.

    SegNet's has two blobs. With ``bn_mode: LEARN`` mean and variance are the batch's own, in TEST
    too; ``INFERENCE`` is ``y = factor x + offset``: the statistics of the data set have been
    worked into the two by a script. ``eps`` is 1e-9 unless given.

    PSPNet's has four. In TRAIN mean and variance are the batch's own, and each forward draws the
    stored ones nearer: ``stored = momentum stored + (1 - momentum) batch's``. In TEST they are the
    stored ones. With ``frozen: true`` that is so in TRAIN, and no blob is learned.

    Shapes:
        bottom[0]  x  (N, C, \\*any); no axis empty where the batch's own statistics are used
        top[0]     y  as x; may be x itself
    Blobs:
        [0]  factor    (1, C, 1, 1)  ``scale_filler`` or ``slope_filler``, 1 if unset
        [1]  offset    (1, C, 1, 1)  ``shift_filler`` or ``bias_filler``, 0 if unset
        [2]  mean      (1, C, 1, 1)  PSPNet's: starts as 0; no solver's to change
        [3]  variance  (1, C, 1, 1)  PSPNet's: starts as 1; no solver's to change
    Definition: ``bn_param``; ``engine`` is a hint, and not needed.
    After: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", 2015, and the forks of V. Badrinarayanan, A. Kendall,
    R. Cipolla, "SegNet", 2015, and H. Zhao, J. Shi, X. Qi, X. Wang, J. Jia, "Pyramid scene parsing
    network", 2017. Differs: a factor starts as 1, not 0, without a filler; takes other than four
    axes; fields of both forks in one definition are refused.
    """

    origin = "SegNet, PSPNet"
    works_in_place = True
    backward_reads = ("bottom",)
    wants_own_top = True  # backward reads the bottom

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.bn_param
        if bottom[0].ndim < 2:
            raise ShapeError(
                f"bottom[0] has shape {bottom[0].shape}, expected (N, C, ...): each channel is "
                "normalized by itself"
            )
        if not 0 <= param.momentum <= 1:
            raise LayerConfigError(f"momentum is {param.momentum:g}, expected 0..1")
        if not param.eps >= 0:
            raise LayerConfigError(f"eps is {param.eps:g}, expected at least 0")
        self._count = _dialect(self.param)
        self._channels = bottom[0].shape[1]
        self._eps = param.eps if self._count == 4 or param.HasField("eps") else _EPS
        fillers = [constant(1), constant(0), constant(0), constant(1)]
        for index, name in enumerate(_FIELDS[self._count][:2]):
            if param.HasField(name):
                fillers[index] = getattr(param, name)
        for filler in fillers[: self._count]:
            self.add_param((1, self._channels, 1, 1), filler)
        self._fix([*range(2 * param.frozen), *range(2, self._count)])

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2 or shape[1] != self._channels:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected {self._channels} channels at axis 1: the "
                "parameters are made for them"
            )
        if bottom[0].count == 0 and self._uses_batch:
            raise ShapeError(f"bottom[0] has shape {shape}, expected no empty axis: no mean exists")
        top[0].reshape(shape)
        rows = shape[0], shape[1], prod(shape[2:])
        self._norm = ChannelNorm(self, rows, 0, in_place=top[0] is bottom[0])
        self._norm.std[...] = 1  # for INFERENCE; the mean is 0

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        norm, x, y = self._norm, bottom[0].data, top[0].data
        if self._uses_batch:
            norm.batch(x, y, self._eps)
            self._store()
            return
        if self._count == 4:
            norm.mean[...] = self.blobs[2].data.reshape(-1)
            norm.std[...] = self.xp.sqrt(self.blobs[3].data.reshape(-1) + self._eps)
        norm.stored(x, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        grad = self._norm.batch_grad if self._uses_batch else self._norm.stored_grad
        grad(bottom[0].data, top[0].diff, bottom[0].diff if propagate_down[0] else None)

    @property
    def _uses_batch(self) -> bool:
        param = self.param.bn_param
        if self._count == 2:
            return param.bn_mode == BNParameter.LEARN
        return self.param.phase != TEST and not param.frozen

    def _store(self) -> None:
        """Draw what is stored nearer to this batch."""
        momentum = self.param.bn_param.momentum
        moments = self._norm.mean, self._norm.variance
        for blob, fresh in zip(self.blobs[2:], moments, strict=False):  # SegNet's stores none
            blob.data[...] = momentum * blob.data + (1 - momentum) * fresh.reshape(blob.shape)

    def _fix(self, indexes: Sequence[int]) -> None:
        """Let no solver change these blobs: as the fork, put that in the definition."""
        for index in indexes:
            while len(self.param.param) <= index:
                self.param.param.add()
            self.param.param[index].lr_mult = self.param.param[index].decay_mult = 0
            self.param_propagate_down[index] = False


def _dialect(param: LayerParameter) -> int:
    """How many blobs the layer has.

    Raises:
        LayerConfigError: the definition has fields of both forks.
    """
    given = {
        count: [field for field in fields if param.bn_param.HasField(field)]
        for count, fields in _FIELDS.items()
    }
    if given[2] and given[4]:
        raise LayerConfigError(
            f"{given[2][0]} and {given[4][0]} are given, expected those of one fork: the first is "
            f"{_NAMES[2]}, the second {_NAMES[4]}"
        )
    blobs = len(param.blobs)
    for count, fields in given.items():
        if fields and blobs not in (0, count):
            raise LayerConfigError(
                f"{fields[0]} is given with {blobs} blob(s), expected {count}: it is "
                f"{_NAMES[count]}"
            )
    if not given[2] and not given[4] and blobs not in (0, 2, 4):
        raise LayerConfigError(f"{blobs} blob(s) are given, expected 2 ({_NAMES[2]}) or 4")
    return 2 if given[2] or blobs == 2 else 4
