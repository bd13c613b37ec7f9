"""What holds for every layer type."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicaffe.device import cpu
from minicaffe.errors import UnknownLayerTypeError
from minicaffe.layers import create_layer, layer_classes
from minicaffe.proto.minicaffe_pb2 import LayerParameter


@pytest.mark.parametrize("layer_type", layer_classes())
def test_docstring_says_what_is_needed(layer_type):
    cls = layer_classes()[layer_type]
    after = "After: src/caffe/layers/" if cls.origin == "Caffe 1.0" else "After: "
    for section in ("Shapes", "Definition:", after):
        assert section in (cls.__doc__ or "")


def test_caffes_types_are_61():
    types = [name for name, cls in layer_classes().items() if cls.origin == "Caffe 1.0"]
    assert len(types) == 61


def test_one_type_a_module():
    classes = layer_classes().values()
    first = [cls for cls in classes if not any(base in classes for base in cls.__mro__[1:])]
    modules = [cls.__module__ for cls in first]  # a second name of a type is beside the first
    assert len(set(modules)) == len(modules)


@pytest.mark.parametrize("layer_type", layer_classes())
def test_has_a_test_module(layer_type):
    module = layer_classes()[layer_type].__module__.rpartition(".")[2]
    assert (Path(__file__).parent / f"test_{module}.py").exists()


def test_unknown_type_names_the_closest():
    with pytest.raises(UnknownLayerTypeError, match="unknown type; did you mean 'Pooling'"):
        create_layer(LayerParameter(name="p", type="Poling"), cpu())


def test_a_type_of_a_fork_is_not_taken_for_a_misspelt_one():
    with pytest.raises(UnknownLayerTypeError, match=r"unknown type: .* a fork of Caffe may have"):
        create_layer(LayerParameter(name="p", type="MultiStageMeanfield"), cpu())
