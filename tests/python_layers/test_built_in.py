"""The table of built-in Python layers: what it names is there, and a user's own goes first."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.layers import python
from minicaffe.python_layer import Layer
from minicaffe.python_layers import BUILT_IN
from tests.build import build

TEXT = 'type: "Python" python_param { module: "%s" layer: "%s" }'


@pytest.mark.parametrize("names", BUILT_IN)
def test_what_it_names_is_there(names):
    place, _, name = BUILT_IN[names].partition(":")
    assert issubclass(getattr(import_module(place), name), Layer)


def test_the_log_says_it_once(device, caplog):
    caplog.set_level(logging.INFO, "minicaffe")
    python._built_in.cache_clear()
    for _ in range(2):
        build(TEXT % ("spatial_dropout", "SpatialDropoutLayer"), device, np.ones((2, 3)))
    said = [record.getMessage() for record in caplog.records if "own" in record.getMessage()]
    assert len(said) == 1
    assert "no module 'spatial_dropout': SpatialDropoutLayer is minicaffe's own" in said[0]


def test_a_users_module_goes_first(device, monkeypatch):
    class Doubles(Layer):
        def reshape(self, bottom, top):
            top[0].reshape(*bottom[0].shape)

        def forward(self, bottom, top):
            top[0].data[...] = 2 * bottom[0].data

    module = ModuleType("spatial_dropout")
    module.SpatialDropoutLayer = Doubles
    monkeypatch.setitem(sys.modules, "spatial_dropout", module)
    layer, bottom, top = build(
        TEXT % ("spatial_dropout", "SpatialDropoutLayer"), device, np.ones((2, 3))
    )
    layer.run_forward(bottom, top)
    assert (device.to_numpy(top[0].data) == 2).all()


def test_another_layer_of_a_module_that_is_not_there(device):
    with pytest.raises(LayerConfigError, match="module is 'spatial_dropout', expected one that"):
        build(TEXT % ("spatial_dropout", "Another"), device, np.ones((2, 3)))
