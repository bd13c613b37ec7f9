"""UpdateRule: the arithmetic of one optimizer, for one parameter at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.ops.update import regularize
from minicaffe.proto.minicaffe_pb2 import SolverParameter


@dataclass
class Slot:
    """One learned parameter and what its rule remembers of it.

    Attributes:
        blob: the parameter; ``diff`` is its gradient.
        history: ``UpdateRule.num_history`` arrays of its shape, zero at first.
        lr_mult: factor on the learning rate, from the layer's ``param``.
        decay_mult: factor on the weight decay, likewise.
    """

    blob: Blob
    history: list[Array]
    lr_mult: float = 1.0
    decay_mult: float = 1.0


@dataclass(frozen=True)
class Hyper:
    """What changes from iteration to iteration.

    Attributes:
        lr: learning rate, before ``lr_mult``.
        iteration: number of updates done before this one.
        scale: factor on the gradient, from clipping and from ``iter_size``.
    """

    lr: float
    iteration: int
    scale: float = 1.0


class UpdateRule(ABC):
    """Turn a gradient into an update, and take the step.

    A rule overrides ``update``. The step around it is the same for all: scale, regularize,
    update, subtract; one that is worth a kernel overrides ``step`` too, and a test holds the two
    to each other. Afterwards ``diff`` holds what was subtracted, as in the original.
    """

    type: ClassVar[str]
    num_history: ClassVar[int] = 1

    def __init__(self, param: SolverParameter, xp: ModuleType) -> None:
        self.param = param
        self.xp = xp
        self._l1 = param.regularization_type == "L1"
        self.check()

    def check(self) -> None:
        """Raise ``SolverConfigError`` where ``param`` does not suit this rule."""
        return

    @abstractmethod
    def update(self, slot: Slot, hyper: Hyper) -> None:
        """Replace ``slot.blob.diff``, a gradient, by what to subtract from ``data``."""

    def step(self, slot: Slot, hyper: Hyper) -> None:
        """Take one step: from the gradient as the passes left it to the new ``data``."""
        l2, l1 = self.decay(slot)
        regularize(self.xp, slot.blob.data, slot.blob.diff, hyper.scale, l2, l1)
        self.update(slot, hyper)
        slot.blob.data[...] -= slot.blob.diff

    def decay(self, slot: Slot) -> tuple[float, float]:
        """The factors of L2 and L1 regularization; one of them is 0."""
        decay = self.param.weight_decay * slot.decay_mult
        return (0.0, decay) if self._l1 else (decay, 0.0)
