"""RoIDataLayer: shapes by the names of tops, what the caller puts there, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import DataError, LayerConfigError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter

ENDING = """layer { name: "sum" type: "Reduction" bottom: "rois" top: "sum" }"""


def net(tops, told="'num_classes': 21", rest="", device=None):
    named = " ".join(f'top: "{name}"' for name in tops)
    text = f"""layer {{ name: "data" type: "Python" {named} python_param {{
      module: "roi_data_layer.layer" layer: "RoIDataLayer" param_str: "{told}" }} }} {rest}"""
    return Net(text_format.Parse(text, NetParameter()), device=device)


def test_shapes_by_name(device):
    fast = ["data", "rois", "labels", "bbox_targets", "bbox_inside_weights"]
    found = {name: blob.shape for name, blob in net(fast, device=device).blobs.items()}
    assert found == {
        "data": (1, 3, 600, 1000),
        "rois": (1, 5),
        "labels": (1,),
        "bbox_targets": (1, 84),
        "bbox_inside_weights": (1, 84),
    }
    faster = net(["data", "im_info", "gt_boxes"], "", device=device).blobs
    assert [blob.shape for blob in faster.values()][1:] == [(1, 3), (1, 5)]


def test_what_the_caller_puts_there_goes_on(device):
    with pytest.raises(DataError, match="data holds zeros, expected what the caller puts there"):
        net(["data", "rois"], rest=ENDING, device=device).forward()
    it = net(["data", "rois"], rest=ENDING, device=device)
    it.blobs["data"].reshape((2, 3, 7, 5))
    it.blobs["data"].data[...] = 1
    it.blobs["rois"].reshape((4, 5))
    it.blobs["rois"].data[...] = device.xp.asarray(np.arange(20.0).reshape(4, 5))
    it.forward()
    assert it.blobs["data"].shape == (2, 3, 7, 5)
    assert float(device.to_numpy(it.blobs["sum"].data)) == 190


@pytest.mark.parametrize(
    ("tops", "told", "message"),
    [
        (["data", "roi"], "", "a top is 'roi', expected one by what it holds: .*'rois'"),
        (["bbox_targets"], "", "num_classes is missing in param_str"),
        (["data"], "'num_classes': many", "param_str has 'many' for 'num_classes', expected a n"),
    ],
)
def test_refuses(device, tops, told, message):
    with pytest.raises(LayerConfigError, match=message):
        net(tops, told, device=device)
