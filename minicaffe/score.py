"""Score: a test net's loss and outputs, as means over batches.

After: src/caffe/solver.cpp (Test), tools/caffe.cpp (test). Difference: means are added up in
float64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.errors import NetError
from minicaffe.net import Net


class Score:
    """Means over the batches that have been run.

    Attributes:
        net: what is scored.
        batches: how many have been run.
    """

    def __init__(self, net: Net) -> None:
        self.net = net
        self.batches = 0
        self._loss = 0.0
        self._sums: dict[str, HostArray] = {}

    def run_batch(self) -> None:
        """Run the net forward once more.

        Raises:
            NetError: an output has another number of elements than in the batches before.
        """
        host = self.net.device.host
        with host.deferring():
            loss = float(self.net.forward())
        host.look()
        values = {
            name: self.net.device.to_numpy(self.net.blobs[name].data).reshape(-1)
            for name in self.net.outputs
        }
        values = self.take(values)
        sums = self._sums or {name: np.zeros(value.size) for name, value in values.items()}
        for name, value in values.items():
            if value.size != sums[name].size:
                raise NetError(
                    f"output {name!r} has {value.size} element(s) in batch {self.batches}, "
                    f"expected {sums[name].size}, as before: each has its mean over the batches"
                )
            sums[name] += value
        self._sums, self._loss, self.batches = sums, self._loss + loss, self.batches + 1

    def take(self, values: dict[str, HostArray]) -> dict[str, HostArray]:
        """What of a batch's outputs has a mean; the rest is kept in another way."""
        return values

    def log_details(self) -> None:
        """Log what comes before the outputs."""

    @property
    def loss(self) -> float:
        """The mean of the weighted sum of the losses."""
        return self._loss / self.batches

    def elements(self) -> Iterator[tuple[str, float, float]]:
        """Name, mean and loss weight of each element of each output, in the log's order."""
        for name, total in self._sums.items():
            weight = self.net.loss_weights.get(name, 0.0)
            for mean in total / self.batches:
                yield name, float(mean), weight

    def first(self) -> dict[str, float]:
        """The mean of each output; of a vector, of its first element."""
        return {n: float(s[0] / self.batches) for n, s in self._sums.items() if s.size}
