"""Overlap: gradients of later layers are sent while those of earlier ones are computed.

After: src/caffe/parallel.cpp (NCCL::run), which sends one layer at a time. Differences: small
gradients go together; of ``iter_size`` passes the last one sends; and what is not sent on the way
(a pass that is recorded, or that runs layer by layer) goes after it, in the same groups and order:
so every process makes the same calls, whichever way it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minicaffe.blob import Blob
from minicaffe.fusion import Stage
from minicaffe.net import Net
from minicaffe.parallel.communicator import Communicator

BUCKET = 4 << 20  # bytes: sent by themselves, fewer would take no less time


class Overlap:
    """Averages the gradients of a net, group by group, the last layers' first.

    Args:
        communicator: what does it.
        net: its stages are replaced by ones that send; before it first runs.
        learned: parameters that are updated.
        early: send a group as soon as it is there; else all after the passes.
    """

    def __init__(
        self, communicator: Communicator, net: Net, learned: Sequence[Blob], *, early: bool = True
    ) -> None:
        self._communicator = communicator
        self._groups: list[list[Blob]] = [[]]
        self._sent = self._passes = 0
        self._done: list[int] = []
        rest = {id(blob.memories[1]): blob for blob in learned}
        users = _lowest_users(net, rest)
        for number in sorted(users, reverse=True):  # as backward comes to them
            self._groups[-1] += users[number]
            if sum(blob.count * blob.dtype.itemsize for blob in self._groups[-1]) >= BUCKET:
                if early:
                    place = len(self._groups) - 1
                    net.stages[number] = Sending(net.stages[number], self, place)
                self._groups.append([])
        if not self._groups[-1]:
            self._groups.pop()

    def start(self, passes: int) -> None:
        """An iteration begins, of so many passes backward."""
        self._sent, self._passes = 0, passes
        self._done = [0] * len(self._groups)

    def ready(self, group: int) -> None:
        """The gradients of ``group`` are complete, in this pass."""
        if not self._communicator.is_live:
            return
        self._done[group] += 1
        if self._done[group] == self._passes and self._sent == group:
            self._send()

    def send_rest(self) -> None:
        """Send what has not been sent."""
        while self._sent < len(self._groups):
            self._send()

    def _send(self) -> None:
        self._communicator.average([blob.diff for blob in self._groups[self._sent]])
        self._sent += 1


def _lowest_users(net: Net, rest: dict[int, Blob]) -> dict[int, list[Blob]]:
    """The stage that adds last to each parameter's gradient, to those parameters."""
    found: dict[int, list[Blob]] = {}
    for number, stage in enumerate(net.stages):  # backward comes to the lowest last
        for step in stage.steps:
            for blob in step.layer.blobs:
                owner = rest.pop(id(blob.memories[1]), None)
                if owner is not None:
                    found.setdefault(number, []).append(owner)
    return found


class Sending(Stage):
    """A stage of a net that tells an ``Overlap`` when its backward is done."""

    def __init__(self, inner: Stage, overlap: Overlap, group: int) -> None:
        super().__init__(inner.steps)
        self._inner, self._overlap, self._group = inner, overlap, group

    def forward(self) -> None:
        """As the stage does."""
        self._inner.forward()

    def backward(self) -> None:
        """As the stage does; then a group is complete."""
        self._inner.backward()
        self._overlap.ready(self._group)

    def read_backward(self) -> Iterator[Blob]:
        """Of the stage."""
        return self._inner.read_backward()

    def unfold(self) -> None:
        """Of the stage."""
        self._inner.unfold()

    def rehearse(self) -> None:
        """Of the stage alone: nothing is sent."""
        self._inner.rehearse()
