"""What work on a device needs of the host: numbers, and a look at what it has found.

Waiting for a GPU at each step would cost more than the step. So a loop may put off the looks
(``deferring``), and have numbers put where a recorded step finds them (``numbers``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from numpy.typing import DTypeLike

from minicaffe.errors import layer_context

Make = Callable[[], int | float]
TakeBack = Callable[[], object]
Refuse = Callable[[int, float], object]  # given the place of a value, and the value


class Numbers(Protocol):
    """Numbers in a device's memory, which are brought up to date before work is done again."""

    def number(self, make: Make, dtype: DTypeLike, take_back: TakeBack | None) -> Any:
        """What ``make`` returns, as an array of no axes."""

    def take_back(self) -> None:
        """The numbers have come to nothing: what counts how many there were forgets them."""


class Host:
    """The host of one device.

    Attributes:
        numbers: takes numbers to the device; None: they are passed as they are.
    """

    def __init__(self) -> None:
        self.numbers: Numbers | None = None
        self._defers = False
        self._found: WeakKeyDictionary[Any, tuple[Any, Refuse]] = WeakKeyDictionary()

    def number(self, make: Make, dtype: DTypeLike, take_back: TakeBack | None = None) -> Any:
        """What ``make`` returns, now and whenever the work that reads it is done again.

        Args:
            make: called once for each time that the work is done; not a random number of the
                device's, which has ``random_key``.
            dtype: of the number.
            take_back: undoes what ``make`` counted when it was last called.

        Returns:
            A number; where work is recorded, an array of no axes of ``dtype`` on the device.
        """
        return make() if self.numbers is None else self.numbers.number(make, dtype, take_back)

    @contextmanager
    def recording(self, numbers: Numbers) -> Iterator[None]:
        """Inside, ``numbers`` gets what the work needs; an error leaves no trace of it."""
        before, self.numbers = self.numbers, numbers
        found = dict(self._found)
        try:
            yield
        except BaseException:
            numbers.take_back()
            self._found = WeakKeyDictionary(found)
            raise
        finally:
            self.numbers = before

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Inside, ``check`` leaves a note on the device, and ``look`` reads all of them."""
        before, self._defers = self._defers, True
        try:
            yield
        finally:
            self._defers = before

    def check(self, layer: Any, bad: Any, values: Any, refuse: Refuse) -> None:
        """Call ``refuse`` for the element of ``values`` at ``bad``: now, or when ``look`` is asked.

        Args:
            layer: that found it.
            bad: flat index, -1 for none: a number, or an integer array of one element on the
                device.
            values: any shape; only what is bad is read.
            refuse: raises.
        """
        if self._defers and hasattr(bad, "get"):
            if values.size:
                self._note(layer, bad, values, refuse)
        elif (index := int(bad)) >= 0:
            refuse(index, float(values.reshape(-1)[index]))

    def look(self) -> None:
        """Refuse the first that any layer has found since the last look.

        Raises:
            LayerError: what ``refuse`` raises, with the layer.
        """
        found = list(self._found.items())
        if not found:
            return
        notes = found[0][0].xp.stack([note for _, (note, _) in found])
        for (index, value), (layer, (_, refuse)) in zip(notes.get(), found, strict=True):
            if index >= 0:
                for note, _ in self._found.values():
                    note.fill(-1)
                with layer_context(layer.param, "forward"):
                    refuse(int(index), float(value))

    def _note(self, layer: Any, bad: Any, values: Any, refuse: Refuse) -> None:
        """Keep the first place that is bad, and what is there: later batches write over it."""
        xp = layer.xp
        if layer not in self._found:
            self._found[layer] = xp.full(2, -1.0), refuse
        note = self._found[layer][0]
        self._found[layer] = note, refuse
        bad, is_first = bad.reshape(1), note[:1] < 0
        xp.copyto(note[1:], xp.take(values.reshape(-1), bad), where=is_first)
        xp.copyto(note[:1], bad, where=is_first)
