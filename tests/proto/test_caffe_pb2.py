"""The schema under its name in Caffe, as scripts use it."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from minicaffe.proto import caffe_pb2, minicaffe_pb2


def test_it_is_the_schema():
    for name in minicaffe_pb2.DESCRIPTOR.message_types_by_name:
        assert getattr(caffe_pb2, name) is getattr(minicaffe_pb2, name)
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)


def test_enums_as_scripts_spell_them():
    assert caffe_pb2.V1LayerParameter.CONVOLUTION == 4
    assert caffe_pb2.V1LayerParameter.LayerType.Name(4) == "CONVOLUTION"
    assert caffe_pb2.PoolingParameter.PoolMethod.Value("AVE") == caffe_pb2.PoolingParameter.AVE
    assert caffe_pb2.Phase.Name(caffe_pb2.TEST) == "TEST"
    assert caffe_pb2.SolverParameter.GPU == 1


def test_descriptors_under_protocs_names():
    assert "convolution_param" in caffe_pb2._LAYERPARAMETER.fields_by_name
    values = caffe_pb2._V1LAYERPARAMETER_LAYERTYPE.values_by_number
    assert values[4].name == "CONVOLUTION"
    assert caffe_pb2._PHASE.values_by_name["TEST"].number == 1


@pytest.mark.parametrize("name", ["NoSuchParameter", "_NOSUCHPARAMETER", "__path__"])
def test_names_that_are_not_there(name):
    assert not hasattr(caffe_pb2, name)


def test_text_and_bytes():
    net = caffe_pb2.NetParameter()
    text_format.Merge('name: "x" layer { name: "a" type: "ReLU" }', net)
    again = caffe_pb2.NetParameter()
    again.ParseFromString(net.SerializeToString())
    assert (again.name, again.layer[0].type) == ("x", "ReLU")
