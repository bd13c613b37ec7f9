"""first_image: the shapes it tells, and where none can be used."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data import first as module
from minicaffe.data.first import first_image, labels_shape
from minicaffe.data.image import Image, Layout
from minicaffe.data.image_list import ImageList, Line
from minicaffe.data.transformer import Transformer
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TransformationParameter

SIZES = [None, 3, 7, 9]  # of the images; None cannot be read
SOURCE = ImageList("list", [Line(i, f"{i}.png", i) for i in range(len(SIZES))])


def decode(key, record):
    size = SIZES[record[1]]
    if size is None:
        raise DataError("damaged", "list", key.decode())
    return Image(Layout(2, size, size + 1), b"", np.zeros(3))


def first(start=0, crop=5, **kwargs):
    param = text_format.Parse(f"crop_size: {crop}", TransformationParameter())
    return first_image(SOURCE, decode, Transformer(param, train=False), start, **kwargs)


def test_shapes():
    assert first(2) == ((2, 5, 5), (3,))
    assert first(3, crop=0) == ((2, 9, 10), (3,))


def test_bad_ones_are_an_error_or_left_out():
    with pytest.raises(DataError, match=r"list \(line 0, 0.png\): damaged"):
        first()
    with pytest.raises(LayerConfigError, match="crop_size is 5, expected at most 3"):
        first(1)
    assert first(skip_bad=True, crop=0) == ((2, 3, 4), (3,))
    assert first(skip_bad=True) == ((2, 5, 5), (3,))


def test_where_all_are_bad_the_first_reason_is_given(monkeypatch):
    with pytest.raises(DataError, match=r"the first 4 records are all bad; .*0.png\): damaged"):
        first(skip_bad=True, crop=20)
    with pytest.raises(DataError, match=r"list \(line 1, 1.png\): crop_size is 20"):
        first(1, skip_bad=True, crop=20)
    monkeypatch.setattr(module, "TRIES", 2)
    with pytest.raises(DataError, match="the first 2 records"):
        first(skip_bad=True)


@pytest.mark.parametrize(
    ("label", "shape"), [(3, ()), (0.5, ()), (np.ones(1), ()), (np.ones(4), (4,))]
)
def test_shapes_of_labels(label, shape):
    assert labels_shape(Image(Layout(1, 1, 1), b"", label)) == shape
