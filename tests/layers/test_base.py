"""What the base of all layers does about shapes."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from tests.build import build

LAYER = 'type: "InnerProduct" inner_product_param { num_output: 4 }'


def test_a_reshape_that_failed_halfway_is_done_again(device):
    layer, bottom, top = build(LAYER, device, np.ones((2, 3)))
    reshape = layer.reshape

    def fail(bottom, top):
        top[0].reshape((9,))
        raise ShapeError("no")

    layer.reshape = fail
    bottom[0].reshape((5, 3))
    with pytest.raises(ShapeError):
        layer.run_forward(bottom, top)
    with pytest.raises(ShapeError, match="expected a forward"):
        layer.run_backward(top, [True], bottom)
    layer.reshape = reshape
    bottom[0].reshape((2, 3))
    layer.run_forward(bottom, top)
    assert top[0].shape == (2, 4)


def test_it_reshapes_only_where_it_has_to(device):
    layer, bottom, top = build(LAYER, device, np.ones((2, 3)))
    reshape, shapes = layer.reshape, []
    layer.reshape = lambda bottom, top: (shapes.append(bottom[0].shape), reshape(bottom, top))
    for batch in (2, 2, 5, 5, 2):
        bottom[0].reshape((batch, 3))
        layer.run_forward(bottom, top)
    assert shapes == [(5, 3), (2, 3)]
    layer.forget_shapes()
    layer.run_forward(bottom, top)
    assert len(shapes) == 3
