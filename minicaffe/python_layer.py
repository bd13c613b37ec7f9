"""What a layer written by a user subclasses, and the blobs it is given: as in pycaffe.

    import minicaffe

    class Double(minicaffe.Layer):
        def reshape(self, bottom, top):
            top[0].reshape(*bottom[0].shape)

        def forward(self, bottom, top):
            top[0].data[...] = 2 * bottom[0].data

        def backward(self, top, propagate_down, bottom):
            if propagate_down[0]:
                bottom[0].diff[...] = 2 * top[0].diff

A definition names it: ``type: "Python" python_param { module: "my_layers" layer: "Double" }``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.proto.minicaffe_pb2 import LayerParameter
from minicaffe.user_blob import Blob, BlobVec


class Layer:
    """Base of layers written by users, who override the four methods below.

    ``backward`` overwrites ``bottom[i].diff`` where ``propagate_down[i]``, and adds to
    ``blobs[i].diff``. As a loss a layer needs a ``loss_weight`` in its definition.

    Attributes:
        param_str: of the definition: whatever the layer is to be told; "" if unset. Set before
            ``setup``, as are the others; ``param_str_`` is its name in old forks of Caffe.
        phase: TRAIN (0) or TEST (1).
        rng: the net's source of chance: what is drawn from it is the same in every run of a seed.
        blobs: its learned parameters.
    """

    type = "Python"
    param_str: str
    param_str_: str
    phase: int
    rng: np.random.Generator
    blobs: BlobVec

    def __init__(self, param: LayerParameter) -> None:
        """Take the layer's definition; what a layer needs is set up in ``setup``."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read ``param_str``, check the numbers of blobs, declare parameters; called once."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes; called before every ``forward``."""
        raise NotImplementedError

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute ``top[i].data`` from ``bottom[i].data``."""
        raise NotImplementedError

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Compute ``bottom[i].diff`` where asked, and add to the diffs of ``blobs``."""
        raise NotImplementedError
