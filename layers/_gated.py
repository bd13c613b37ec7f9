"""What GRU and MGU share: all but the number of gates."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.layers._recurrent import Recurrent
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Arity
from minicaffe.ops import gated as ops
from minicaffe.ops.cublas import matmul


class Gated(Recurrent):
    """A layer whose candidate, the last of its gates, reads the hidden state through another."""

    num_bottom = Arity(2, 4)
    num_top = Arity(1, 2)
    states = ("h",)
    origin = "paper"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        self._reset = Blob(self.device, dtype=self.dtype)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        self._reset.reshape(top[0].shape)

    def run(self, cont: Array, states: Sequence[Array], y: Array) -> None:
        room = self._units.data, self._hidden.data, self._reset.data
        ops.gated(self.xp, cont, self.blobs[-1].data, *states, *room, y)

    def run_back(self, cont: Array, dy: Array) -> None:
        gates, hidden, w = self._units.data, self._hidden.data, self.blobs[-1].data
        ops.gated_grad(self.xp, cont, w, gates, hidden, dy, self._units.diff)

    def hidden_grad(self) -> None:
        dw = wanted_diff(self, len(self.blobs) - 1)
        if dw is None:
            return
        split = len(dw) - self._outputs
        dgates = self._units.diff.reshape(-1, len(dw))
        for rows, read in ((slice(split), self._hidden), (slice(split, None), self._reset)):
            x = read.data.reshape(-1, self._outputs)
            dw[rows] += matmul(self.xp, dgates[:, rows].T, x)
