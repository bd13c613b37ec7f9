"""What a layer's ``backward`` does not read others may write over: check that it holds.

And that on a device no step of the layer has the host wait.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers import Layer
from tests import fake_cuda


def check_backward_reads(
    layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob], rng: np.random.Generator
) -> None:
    """The gradients are the same when what is not in ``backward_reads`` holds NaN by then.

    Nothing is read back to the host meanwhile.
    """
    xp, to_numpy = layer.device.xp, layer.device.to_numpy
    with fake_cuda.counted() as forward:
        layer.run_forward(bottom, top)
    assert forward.to_host == 0
    dy = [xp.asarray(rng.standard_normal(blob.shape)) for blob in top]
    blobs = [*bottom, *layer.blobs]
    found = []
    for spoils in (False, True):
        for name, several in (("bottom", bottom), ("top", top)):
            for blob in several if spoils and name not in layer.backward_reads else ():
                blob.data[...] = np.nan
        for blob in layer.blobs:
            blob.diff[...] = 0
        for blob, diff in zip(top, dy, strict=True):
            blob.diff[...] = diff
        with fake_cuda.counted() as backward:
            layer.run_backward(top, [True] * len(bottom), bottom)
        assert backward.to_host == 0
        found.append([to_numpy(blob.diff).copy() for blob in blobs])
    for plain, spoiled in zip(*found, strict=True):
        np.testing.assert_array_equal(spoiled, plain)
