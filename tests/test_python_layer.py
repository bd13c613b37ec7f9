"""The base of users' layers."""

from __future__ import annotations

import pytest

from minicaffe.python_layer import Layer


def test_the_base_class_leaves_the_work_to_others():
    layer = Layer(None)
    layer.setup([], [])
    for method, args in [("reshape", 2), ("forward", 2), ("backward", 3)]:
        with pytest.raises(NotImplementedError):
            getattr(layer, method)(*[[]] * args)
