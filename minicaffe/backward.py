"""Which layers run backward, to which bottoms and parameters: one pass down and one up.

After: src/caffe/net.cpp (Init). A gradient is wanted where something before it learns and
something after it is a loss; ``propagate_down`` in a definition overrides the first for one
bottom, ``force_backward`` both for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from minicaffe.blob import Blob
from minicaffe.layers import Layer


@dataclass
class Step:
    """One layer in its place.

    Attributes:
        layer: the layer.
        bottom: blobs it reads.
        top: blobs it writes.
        bottom_names: the names of ``bottom``, after splits.
        top_names: the names of ``top``.
        propagate_down: for each bottom, whether its gradient is wanted.
        needs_backward: whether the layer runs backward at all.
        is_loss: whether one of ``top`` is a loss.
    """

    layer: Layer
    bottom: list[Blob]
    top: list[Blob]
    bottom_names: list[str]
    top_names: list[str]
    propagate_down: list[bool] = field(default_factory=list)
    needs_backward: bool = False
    is_loss: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_loss = any(self.layer.loss_weights)

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.param.name)


def mark_backward(steps: Sequence[Step], *, force: bool) -> None:
    """Set ``propagate_down`` and ``needs_backward`` of each step, and what its parameters want.

    Args:
        steps: in order, set up; ``layer.param_propagate_down`` says which parameters have a
            learning rate.
        force: the net's ``force_backward``.
    """
    _mark_what_learns(steps)
    _unmark_what_has_no_loss(steps)
    if force:
        for step in steps:
            step.needs_backward = True
            step.propagate_down = [
                wanted or step.layer.allow_force_backward(index)
                for index, wanted in enumerate(step.propagate_down)
            ]
            step.layer.param_propagate_down = [True] * len(step.layer.blobs)


def _mark_what_learns(steps: Sequence[Step]) -> None:
    learns: dict[str, bool] = {}
    for step in steps:
        given = list(step.layer.param.propagate_down)
        learning = [learns[name] for name in step.bottom_names]
        step.propagate_down = given or learning
        step.needs_backward = any(learning) or any(step.layer.param_propagate_down)
        learns.update(dict.fromkeys(step.top_names, step.needs_backward))


def _unmark_what_has_no_loss(steps: Sequence[Step]) -> None:
    under_loss: set[str] = set()
    unwanted: set[str] = set()
    for step in reversed(steps):
        tops = set(step.top_names)
        contributes = step.is_loss or bool(tops & under_loss)
        if step.needs_backward and tops <= unwanted:
            step.needs_backward = False
            step.propagate_down = [False] * len(step.propagate_down)
        if not contributes:
            step.needs_backward = False
            step.propagate_down = [False] * len(step.propagate_down)
        else:
            under_loss.update(step.bottom_names)
        unwanted.update(
            name
            for name, wanted in zip(step.bottom_names, step.propagate_down, strict=True)
            if not wanted
        )
