"""What a net may be made of."""

from __future__ import annotations

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto import caffe_pb2
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState
from minicaffe.pycaffe.errors import ArgumentError, MissingFileError
from minicaffe.pycaffe.opening import check_file, definition_of, state_of


def test_a_file_that_is_there(tmp_path):
    (tmp_path / "a").write_text("x")
    check_file(tmp_path / "a")


def test_a_missing_one_names_what_is_near(tmp_path):
    (tmp_path / "lenet.prototxt").write_text("x")
    text = r"Could not open file \S+lenet.prototx: no such file: did you mean '\S+lenet.prototxt'"
    with pytest.raises(MissingFileError, match=text):
        check_file(tmp_path / "lenet.prototx")
    with pytest.raises(RuntimeError, match="is a directory"):
        check_file(str(tmp_path))


def test_old_definitions_are_brought_up_to_date(tmp_path):
    text = 'input: "x" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4'
    (tmp_path / "a").write_text(text)
    old = NetParameter(input=["x"], input_dim=[1, 2, 3, 4])
    for source in (tmp_path / "a", old):
        layer = definition_of(source).layer[0]
        assert (layer.type, list(layer.top)) == ("Input", ["x"])
    assert not old.layer


def test_a_program_is_asked_for_the_phase_alone(tmp_path):
    text = """
import minicaffe as caffe
from minicaffe import layers as L

def net(phase):
    n = caffe.NetSpec()
    n.x = L.Input(shape={"dim": [2, 3 + phase]})
    return n
"""
    (tmp_path / "net.py").write_text(text)
    for phase, size in ((TRAIN, 3), (TEST, 4)):
        net = definition_of(tmp_path / "net.py", phase)
        assert [list(layer.input_param.shape[0].dim) for layer in net.layer] == [[2, size]]


def test_other_messages_are_refused():
    with pytest.raises(ArgumentError, match="network_file is a SolverParameter"):
        definition_of(caffe_pb2.SolverParameter())


def test_a_file_that_is_no_definition(tmp_path):
    (tmp_path / "a").write_text("base_lr: 1")
    with pytest.raises(PrototxtError, match="base_lr"):
        definition_of(tmp_path / "a")


@pytest.mark.parametrize(
    ("own", "args", "expected"),
    [
        (NetState(), (TEST, None, None), NetState(phase=TEST)),
        (NetState(phase=TEST), (TRAIN, 2, ["a"]), NetState(phase=TRAIN, level=2, stage=["a"])),
        (
            NetState(level=3, stage=["a"]),
            (1, None, "bc"),
            NetState(phase=TEST, level=3, stage=["a", "bc"]),
        ),
        (NetState(level=3), (0, 0, None), NetState(phase=TRAIN, level=0)),
    ],
)
def test_the_state(own, args, expected):
    assert state_of(NetParameter(state=own), *args) == expected
