"""Fusion: several steps of a net run as one; and the division of a net into stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules
from typing import TypeVar

from minicaffe.backward import Step
from minicaffe.blob import Blob
from minicaffe.errors import locate

F = TypeVar("F", bound="type[Fusion]")

KINDS: list[type[Fusion]] = []


class Stage:
    """Steps of a net that run together: one, unless it is a ``Fusion``.

    Attributes:
        steps: in order.
        is_loss: whether one of their tops is a loss.
        needs_backward: whether ``backward`` does anything.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.is_loss = any(step.is_loss for step in steps)
        self.needs_backward = any(step.needs_backward for step in steps)

    def forward(self) -> None:
        """Run the steps."""
        for step in self.steps:
            step.layer.run_forward(step.bottom, step.top)

    def backward(self) -> None:
        """Run backward those that a gradient is wanted of, last to first."""
        for step in reversed(self.steps):
            if step.needs_backward:
                step.layer.run_backward(step.top, step.propagate_down, step.bottom)

    def read_backward(self) -> Iterator[Blob]:
        """The blobs whose data ``backward`` reads."""
        for step in self.steps:
            if step.needs_backward:
                reads = step.layer.backward_reads
                yield from step.bottom if "bottom" in reads else ()
                yield from step.top if "top" in reads else ()

    def unfold(self) -> None:
        """Leave the layers as if each had run forward by itself."""
        return

    def rehearse(self) -> None:
        """Run backward on whatever is there, to have the kernels compiled; nothing of users'."""
        if not any(step.layer.runs_user_code for step in self.steps):
            self.backward()


class Fusion(Stage, ABC):
    """A kind of stage: ``matches`` says which steps it takes, ``run`` and ``run_back`` work.

    The first of the steps has one bottom or two.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(steps)
        self._ran = False
        self._layer = steps[0].layer
        self._first, self._last = steps[0].bottom[0], steps[0].bottom[-1]  # all that there are
        self._shape: object = None
        self._last_shape: object = None

    @classmethod
    @abstractmethod
    def matches(cls, steps: Sequence[Step]) -> int:
        """How many of ``steps``, from the first on, can run as one; 0: none."""

    @abstractmethod
    def run(self) -> None:
        """Forward; the shapes fit."""

    def run_back(self) -> None:
        """Backward, after ``run``."""
        super().backward()

    def keep(self) -> None:
        """After ``run``, give the layers what their own ``backward`` reads."""
        return

    def forward(self) -> None:
        """Run the steps as one."""
        try:
            if (
                self._first.shape is not self._shape
                or self._last.shape is not self._last_shape
                or not self._layer.fitted
            ):
                self._fit()
            self.run()
            self._ran = True
        except Exception as error:
            locate(error, self.steps[0].layer.param, "forward", self._room)
            raise

    def backward(self) -> None:
        """Run them backward as one, unless each has run forward by itself."""
        if not self.needs_backward:
            return
        if not self._ran:
            super().backward()
            return
        try:
            for step in self.steps:
                step.layer.check_fitted()
            self.run_back()
        except Exception as error:
            locate(error, self.steps[0].layer.param, "backward", self._room)
            raise

    def _fit(self) -> None:
        for step in self.steps:
            step.layer.fit(step.bottom, step.top)
        self._shape, self._last_shape = self._first.shape, self._last.shape

    def _room(self) -> str:
        return self._layer.room(self.steps[0].bottom, self.steps[-1].top)

    def unfold(self) -> None:
        if self._ran:
            self.keep()
            self._ran = False

    def rehearse(self) -> None:
        self._ran = True
        super().rehearse()


def register_fusion(kind: F) -> F:
    """Class decorator: ``stages`` tries this kind, in the order of registration."""
    KINDS.append(kind)
    return kind


def in_place(steps: Sequence[Step]) -> bool:
    """Each of ``steps`` but the first works in place on the only top of the one before."""
    return all(
        len(before.top) == 1
        and len(step.top) == 1
        and before.top[0] is step.bottom[0] is step.top[0]
        for before, step in pairwise(steps)
    )


def types(steps: Sequence[Step], *names: str) -> bool:
    """The first of ``steps`` are layers of these types, or of kinds of them."""
    return len(steps) >= len(names) and all(
        any(vars(kind).get("type") == name for kind in type(step.layer).__mro__)
        for step, name in zip(steps, names, strict=False)
    )


def stages(steps: Sequence[Step]) -> list[Stage]:
    """``steps`` divided into stages, from the first on each as long as a kind allows."""
    _load()
    result: list[Stage] = []
    rest = list(steps)
    while rest:
        count, kind = max(
            ((kind.matches(rest), kind) for kind in KINDS),
            key=lambda each: each[0],
            default=(0, Stage),
        )
        result.append(kind(rest[:count]) if count else Stage(rest[:1]))
        del rest[: count or 1]
    return result


@cache
def _load() -> None:
    """Import every module of the package, so that each registers its kinds."""
    package = import_module("minicaffe.fusion")
    for module in iter_modules(package.__path__):
        import_module(f"minicaffe.fusion.{module.name}")
