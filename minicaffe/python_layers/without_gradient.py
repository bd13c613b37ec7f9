"""What Python layers share that a gradient does not go through."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.python_layer import Layer
from minicaffe.user_blob import Blob


class WithoutGradient(Layer):
    """A layer whose bottoms get a gradient of 0: a net asks where they come from what learns."""

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for wanted, blob in zip(propagate_down, bottom, strict=True):
            if wanted:
                blob.diff[...] = 0
