"""UpdateRule: the arithmetic of one optimizer, for one parameter at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.ops.update import regularize
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers.limits import UP_TO_ONE, Ranges, check_ranges


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
        scale: factor on the gradient, from clipping and from ``iter_size``; a number, or a
            float64 of no axes on the device.
        lend: takes ``UpdateRule.rates`` to where they are read; None: they stay numbers.
    """

    lr: float
    iteration: int
    scale: float | Array = 1.0
    lend: Callable[[UpdateRule, Slot], Sequence[float | Array]] | None = None

    def rates(self, rule: UpdateRule, slot: Slot) -> Sequence[float | Array]:
        """The ``rates`` of ``rule``: numbers, or each a float64 of no axes on the device."""
        return rule.rates(slot, self) if self.lend is None else self.lend(rule, slot)


class UpdateRule:
    """Turn a gradient into an update, and take the step.

    A rule overrides ``update``, and the step around it is the same for all: scale, regularize,
    update, subtract. One whose arithmetic is a function of ``ops.update``, in one pass over the
    arrays, overrides ``step`` as a whole. Afterwards ``diff`` holds what was subtracted, as in
    the original.

    Attributes:
        type: the name a solver's definition has for it.
        num_history: how many arrays it remembers of each parameter.
        ranges: what the fields it reads may be.
        usual_momentum: where ``momentum`` is the decay of an average, what it mostly is; 0 is not
            meant then.
        elementwise: a step treats each element by itself, so that it may be taken in parts.
    """

    type: ClassVar[str]
    num_history: ClassVar[int] = 1
    ranges: ClassVar[Ranges] = {"momentum": UP_TO_ONE}
    usual_momentum: ClassVar[float] = 0.0
    elementwise: ClassVar[bool] = False

    def __init__(self, param: SolverParameter, xp: ModuleType) -> None:
        self.param = param
        self.xp = xp
        self.check()
        self._warn()

    def check(self) -> None:
        """Raise ``SolverConfigError`` where ``param`` does not suit this rule."""
        check_ranges(self.param, self.ranges, f"type is {self.param.type!r}")

    def update(self, slot: Slot, hyper: Hyper) -> None:
        """Replace ``slot.blob.diff``, a gradient, by what to subtract from ``data``."""
        raise NotImplementedError(f"{type(self)} overrides neither update nor step")

    def step(self, slot: Slot, hyper: Hyper) -> None:
        """Take one step: from the gradient as the passes left it to the new ``data``."""
        regularize(self.xp, slot.blob.data, slot.blob.diff, hyper.scale, *self.decay(slot))
        self.update(slot, hyper)
        slot.blob.data[...] -= slot.blob.diff

    def rates(self, slot: Slot, hyper: Hyper) -> tuple[float, ...]:
        """The numbers in ``step`` that follow from ``lr`` and ``iteration``.

        ``step`` takes them from ``hyper.rates``, so that it can be recorded and done again with
        those of another iteration. Of ``slot`` only ``lr_mult`` and ``decay_mult`` may count.
        """
        return (hyper.lr * slot.lr_mult,)

    def decay(self, slot: Slot) -> tuple[float, float]:
        """The factors of L2 and L1 regularization; one of them is 0."""
        decay = self.param.weight_decay * slot.decay_mult
        return (0.0, decay) if self.param.regularization_type == "L1" else (decay, 0.0)

    def _warn(self) -> None:
        """Say what users of the original have been hurt by: each once, when a solver is built."""
        param = self.param
        if self.usual_momentum and not param.HasField("momentum"):
            glog.warning(
                "rule.py:1",
                f"momentum is not given, and is 0: type {param.type!r} averages over one iteration "
                f"then; {self.usual_momentum} is usual",
            )
        if "delta" in self.ranges and param.delta == 0:
            glog.warning("rule.py:1", "delta is 0: a weight whose gradient is 0 becomes NaN")
        if param.clip_gradients >= 0 and param.iter_size > 1:
            limit = glog.number(param.clip_gradients / param.iter_size)
            glog.warning(
                "rule.py:1",
                f"clip_gradients is the limit of what iter_size {param.iter_size} passes add up "
                f"to, not of their mean: of that it is {limit}",
            )
