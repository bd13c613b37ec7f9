"""Definitions as forks write them build: short ones here, and all of a collection.

``CORPUS=FOLDER`` names the collection, as for test_corpus. What data layers read is not there, so
inputs of the shapes that their fields tell take their place.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from minicaffe.errors import MinicaffeError, PrototxtError
from minicaffe.layers import layer_classes
from minicaffe.net import Net, closing
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetState
from minicaffe.proto.text import read_net

FOLDER = Path(__file__).parent / "fork_definitions"
CORPUS = os.environ.get("CORPUS", "")
DATA = {
    "AnnotatedData": "data_param",
    "Data": "data_param",
    "DenseImageData": "dense_image_data_param",
    "HDF5Data": "hdf5_data_param",
    "ImageData": "image_data_param",
}
# of those of the collection, what is no fault of theirs, or of ours
MISSING = (
    "bottom[0] is 'data', expected a top of an earlier layer",  # for the other phase
    "bias_init.txt', expected a text file",  # beside the definition, and not collected
)


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.iterdir())])
def test_short_ones(name, phase):
    net = read_net(FOLDER / f"{name}.prototxt")
    assert {layer_classes()[each.type].origin for each in net.layer} > {"Caffe 1.0"}
    built = Net(net, NetState(phase=phase))
    with closing(built):
        assert built.outputs


def without_data(net):
    """``net`` with an Input for each layer of DATA, of two images at most."""
    for layer in net.layer:
        if layer.type not in DATA:
            continue
        own, told = getattr(layer, DATA[layer.type]), layer.transform_param
        high = told.crop_size or told.resize_param.height or getattr(own, "new_height", 0) or 360
        wide = told.crop_size or told.resize_param.width or getattr(own, "new_width", 0) or 480
        size, shrink = min(own.batch_size, 2), layer.dense_image_data_param.label_divide_factor
        labels = {
            "AnnotatedData": [1, 1, 2, 8],
            "DenseImageData": [size, 1, high // shrink, wide // shrink],
        }.get(layer.type, [size])
        kept = {field: list(getattr(layer, field)) for field in ("top", "include", "exclude")}
        name = layer.name
        layer.Clear()
        layer.name, layer.type = name, "Input"
        for field, values in kept.items():
            getattr(layer, field).extend(values)
        layer.input_param.shape.add(dim=[size, 3, high, wide])
        for _ in layer.top[1:]:
            layer.input_param.shape.add(dim=labels)
    return net


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS, reason="CORPUS is not given")
def test_those_of_a_collection():
    root, built, failed = Path(CORPUS) / "prototxts", 0, []
    with open(root / "INDEX.tsv", encoding="utf-8", newline="") as file:
        names = [
            row["file"] for row in csv.DictReader(file, delimiter="\t") if row["kind"] == "net"
        ]
    for name in names:
        try:
            types = {layer.type for layer in read_net(root / name).layer}
        except PrototxtError:
            continue  # with a field, or a type, that is not known: test_corpus looks at those
        known = layer_classes()
        if not types <= set(known) or all(known[each].origin == "Caffe 1.0" for each in types):
            continue
        for phase in (TRAIN, TEST):
            try:
                with closing(Net(without_data(read_net(root / name)), NetState(phase=phase))):
                    built += 1
            except MinicaffeError as error:
                if not any(each in str(error) for each in MISSING):
                    failed.append((name, phase, str(error)))
    assert not failed
    assert built > 100
