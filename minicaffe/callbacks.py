"""What may be done inside the training loop by others than the solver."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minicaffe.score import Score
    from minicaffe.solver import Solver


class Action(enum.Enum):
    """What ``Solver.poll`` may ask for, between two iterations or two batches of a test."""

    NONE = enum.auto()
    STOP = enum.auto()
    SNAPSHOT = enum.auto()


class Callback:
    """What may be done inside the loop; override what is needed."""

    def on_start(self, solver: Solver) -> None:
        """Before the passes of an iteration."""

    def on_gradients_ready(self, solver: Solver) -> None:
        """Between the passes and the update."""

    def on_step(self, solver: Solver) -> None:
        """After the update; ``solver.iteration`` counts it."""

    def on_test_batch(self, solver: Solver, net: int, batch: int, batches: int) -> None:
        """After batch number ``batch``, from 1, of the ``batches`` of test net ``net``."""

    def on_test(self, solver: Solver, net: int, results: dict[str, float]) -> None:
        """After the test of test net ``net``; ``results`` is what ``Solver.test`` returns."""

    def on_tested(self, solver: Solver, scores: Sequence[Score]) -> None:
        """After a whole test, of every test net. A snapshot still records what was before it."""

    def state(self) -> Any:
        """What a resumed run needs, as JSON can hold it; None: nothing."""
        return None

    def set_state(self, state: Any) -> None:
        """Go on from ``state``, which ``state()`` of the interrupted run gave."""
