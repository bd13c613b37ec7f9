"""Binary: round trips, and files that are cut short, damaged, or something else."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicaffe.errors import PrototxtError
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import (
    BlobProto,
    BlobProtoVector,
    Datum,
    LayerParameter,
    NetParameter,
    SolverParameter,
    SolverState,
    V1LayerParameter,
)
from minicaffe.proto.upgrade import upgrade_net
from tests.proto.messages import messages


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A file to write, by its name alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "file"


def net():
    made = NetParameter(name="net")
    for i in range(3):
        layer = made.layer.add(name=f"ip{i}", type="InnerProduct", bottom=["x"], top=["y"])
        layer.blobs.add(data=np.arange(50 + i)).shape.dim.append(50 + i)
    return made


def state():
    made = SolverState(iter=7, learned_net="a_iter_7.caffemodel", current_step=1)
    made.history.add(data=[1, 2, 3]).shape.dim.append(3)
    return made


def refusal(path, message_type):
    with pytest.raises(PrototxtError) as error:
        binary.read(path.name, message_type)
    assert error.value.path == path.name
    return str(error.value).removeprefix(f"{path.name}: ")


@pytest.mark.parametrize(
    "message",
    [
        net(),
        state(),
        BlobProto(num=1, data=[2]),
        BlobProto(shape={"dim": [1]}, data=[2]),
        Datum(channels=3, height=1, width=1, data=b"abc", label=3),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_is_written_is_read_back_and_is_nothing_else(path, message):
    path.write_bytes(binary.to_bytes(message))
    assert binary.read(path, type(message)) == message
    for kind in {NetParameter, SolverState, BlobProto} - {type(message)}:
        assert refusal(path, kind).startswith(f"is {binary._NAMES[type(message)]}, expected")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages(NetParameter))
def test_any_net_is_read_back(path, message):
    data = binary.to_bytes(message)
    path.write_bytes(data)
    if message.ListFields():
        assert binary.read(path, NetParameter) == message
    else:
        assert refusal(path, NetParameter) == "is empty, expected weights (.caffemodel)"


def test_blobs_are_read_back(path):
    """Their bytes could be those of a net with a name, so that no other error is sure."""
    blobs = BlobProtoVector(blobs=[{"data": [1.1]}, {"num": 1}])
    path.write_bytes(binary.to_bytes(blobs))
    assert binary.read(path, BlobProtoVector) == blobs
    assert refusal(path, SolverState).startswith("is ")


def test_numbers_of_fields_and_wire_types_are_caffes(path):
    """name = 1, layer = 100, and in it name = 1, type = 2, blobs = 7 (data = 5, packed)."""
    layer = b"\x0a\x01a\x12\x04ReLU" + b"\x3a\x06\x2a\x04\x00\x00\x80\x3f"
    data = b"\x0a\x01n" + b"\xa2\x06" + bytes([len(layer)]) + layer
    path.write_bytes(data)
    read = binary.read(path, NetParameter)
    assert (read.name, read.layer[0].type, read.layer[0].blobs[0].data[0]) == ("n", "ReLU", 1.0)
    assert binary.to_bytes(read) == data


def test_old_files_do_not_pack_their_numbers(path):
    path.write_bytes(b"\x08\x01\x2d\x00\x00\x80\x3f\x2d\x00\x00\x00\x40")
    assert list(binary.read(path, BlobProto).data) == [1.0, 2.0]


def test_fields_of_forks_stay(path):
    fork = b"\x82\x7d\x03fre" + b"\xa2\x06\x08\x0a\x01a\xf2\x41\x02hi"  # 2000, and 1054 in layer
    path.write_bytes(fork)
    assert binary.to_bytes(binary.read(path, NetParameter)) == b"\xa2\x06\x08" + fork[9:] + fork[:6]


def test_origin_is_never_written():
    with_origin = net()
    with_origin.layer[1].origin = "secret/path:3"
    with_origin.layers.add(origin="secret/path:4")
    without = net()
    without.layers.add()
    assert binary.to_bytes(with_origin) == binary.to_bytes(without)
    assert with_origin.layer[1].origin == "secret/path:3"
    assert binary.to_bytes(LayerParameter(origin="secret/path:3")) == b""
    assert b"secret" not in binary.to_bytes(SolverParameter(net_param=with_origin))


def test_origin_in_a_file_counts_for_nothing(path):
    other = net()
    other.layer[0].origin = "x"
    path.write_bytes(other.SerializeToString())
    assert binary.read(path, NetParameter) == net()


def test_cut_short_anywhere(path):
    data = binary.to_bytes(net())
    whole = [
        len(NetParameter(name="net", layer=net().layer[:n]).SerializeToString()) for n in range(3)
    ]
    for end in range(2, len(data)):
        path.write_bytes(data[:end])
        if end in whole:  # nothing in a file says how many layers it should have
            assert binary.to_bytes(binary.read(path, NetParameter)) == data[:end]
        else:
            assert "is cut short: of the field at byte" in refusal(path, NetParameter)


def test_cut_short_says_how_much_is_missing(path):
    path.write_bytes(binary.to_bytes(net())[:-9])
    start = len(binary.to_bytes(net())) - len(net().layer[2].SerializeToString()) - 4
    assert refusal(path, NetParameter) == (
        f"is cut short: of the field at byte {start}, 9 bytes are missing"
    )


def test_damaged(path):
    data = binary.to_bytes(net())
    path.write_bytes(data[:-1] + b"\xff" * 30)
    assert refusal(path, NetParameter).startswith("is ")
    at = data.index(b"ip1") - 1
    path.write_bytes(data[:at] + b"\x7f" + data[at + 1 :])
    assert refusal(path, NetParameter).startswith("is damaged after byte ")


SOMETHING_ELSE = {
    "definition": (b"name: 'x'\nlayer {}", "is text, expected weights .* -solver or -model$"),
    "definition, empty line first": (b"\nname: 'x'\nlayer {}", "is text, expected"),
    "comment": (b"# net\nlayer {}", "is text, expected"),
    "web page": (b"<!DOCTYPE html><html>404</html>", "is text, expected"),
    "LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid",
        "is a pointer of Git LFS.*lfs pull$",
    ),
    "HDF5": (b"\x89HDF\r\n\x1a\n\0\0", "is an HDF5 file, expected weights"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is something else, expected weights"),
    "zip": (b"PK\3\4\x14\0\0\0\x08\0", "is something else, expected weights"),
    "zeros": (bytes(9000), "is something else"),
    "a field of nobody": (b"\x82\x7d\x03fre", "is something else"),
    "a name and a field that contradicts": (b"\x0a\x01n\x2a\x01x", "is something else, expected"),
    "nothing": (b"", "is empty, expected weights"),
}


@pytest.mark.parametrize(("data", "message"), SOMETHING_ELSE.values(), ids=SOMETHING_ELSE.keys())
def test_something_else(path, data, message):
    path.write_bytes(data)
    with pytest.raises(PrototxtError, match="^file: " + message):
        binary.read("file", NetParameter)


def test_names_that_are_not_utf8(path):
    path.write_bytes(b"\xa2\x06\x04\x0a\x02\xff\xfe" + b"\xa2\x06\x00")
    assert refusal(path, NetParameter) == "a name in layer[0] is not UTF-8, expected UTF-8"
    path.write_bytes(b"\x0a\x02\xff\xfe")
    assert refusal(path, NetParameter) == "a name in the file is not UTF-8, expected UTF-8"
    for old in (
        NetParameter(input=["abc"]),
        NetParameter(layers=[V1LayerParameter(param=["abc"])]),
        NetParameter(layers=[V1LayerParameter(layer={"name": "abc"})]),
        NetParameter(layers=[V1LayerParameter(layer={"type": "abc"})]),
        NetParameter(layer=[LayerParameter(param=[{"name": "abc"}])]),
    ):
        path.write_bytes(old.SerializeToString().replace(b"abc", b"\xff\xfe\xfd"))
        assert re.fullmatch(
            r"a name in .* is not UTF-8, expected UTF-8", refusal(path, NetParameter)
        )


@pytest.mark.parametrize(
    "layer",
    [
        V1LayerParameter(type=V1LayerParameter.DATA, data_param={"source": "abc"}),
        V1LayerParameter(type=V1LayerParameter.DATA, data_param={"mean_file": "abc"}),
        V1LayerParameter(layer={"type": "data", "source": "abc"}),
    ],
)
def test_paths_that_are_not_utf8(path, layer):
    """Weights hold the paths of whoever trained them, in whatever encoding that was."""
    data = NetParameter(layers=[layer]).SerializeToString().replace(b"abc", b"\xc4\xe3x")
    path.write_bytes(data)
    assert upgrade_net(binary.read(path, NetParameter)).layer[0].type == "Data"
    today = LayerParameter(type="Data", data_param={"mean_file": "abc"})
    path.write_bytes(binary.to_bytes(NetParameter(layer=[today])).replace(b"abc", b"\xc4\xe3x"))
    moved = upgrade_net(binary.read(path, NetParameter)).layer[0]
    assert moved.transform_param.mean_file == "\ufffd\ufffdx"


def test_missing_required_field(path):
    path.write_bytes(b"\xa2\x06\x03\xa2\x09\x00")
    assert refusal(path, NetParameter).startswith("layer[0].clip_param.min is not found")
    with pytest.raises(PrototxtError, match=r"^weights \(.caffemodel\) cannot be written: .*min"):
        binary.to_bytes(NetParameter(layer=[{"clip_param": {}}]))


def test_a_message_that_has_no_files_is_called_by_its_type(path):
    path.write_bytes(b"")
    assert refusal(path, SolverParameter) == "is empty, expected a SolverParameter"


def test_missing_file(path):
    with pytest.raises(PrototxtError, match=r"^nothing: no such file, looked for in"):
        binary.read("nothing", NetParameter)


def test_two_gigabytes_and_more(path):
    with path.open("wb") as file:
        file.write(binary.to_bytes(net()))
        file.truncate(2**31)  # a hole: takes no room on the disk
    assert refusal(path, NetParameter).startswith(
        "has 2147483648 bytes, expected at most 2147483647: protobuf reads no more"
    )


def test_the_limit_itself(path, monkeypatch):
    data = binary.to_bytes(net())
    path.write_bytes(data)
    monkeypatch.setattr(binary, "MAX_BYTES", len(data))
    assert binary.to_bytes(net()) == data
    assert binary.read(path, NetParameter) == net()
    monkeypatch.setattr(binary, "MAX_BYTES", len(data) - 1)
    assert "expected at most" in refusal(path, NetParameter)
    with pytest.raises(
        PrototxtError, match=f"weights .* would take {len(data)} bytes, expected at"
    ):
        binary.to_bytes(net())


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="this system has no names for pipes")
@pytest.mark.parametrize("too_long", [False, True])
def test_a_pipe_does_not_say_how_long_it_is(monkeypatch, too_long):
    blob = BlobProto(data=range(2000))
    data = binary.to_bytes(blob)
    monkeypatch.setattr(binary, "MAX_BYTES", len(data) - too_long)
    end, start = os.pipe()
    os.write(start, data)
    os.close(start)
    with os.fdopen(end):
        if too_long:
            with pytest.raises(PrototxtError, match=f"has {len(data)} bytes, expected at most"):
                binary.read(f"/dev/fd/{end}", BlobProto)
        else:
            assert binary.read(f"/dev/fd/{end}", BlobProto) == blob


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_a_net_or_a_prototxt_error(path, data):
    path.write_bytes(data)
    try:
        binary.read(path, NetParameter)
    except PrototxtError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017  # not every example is refused


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400), st.integers(0, 255))
def test_any_wrong_byte_is_a_net_or_a_prototxt_error(path, at, byte):
    data = bytearray(binary.to_bytes(net()))
    data[at] = byte
    path.write_bytes(data)
    try:
        binary.read(path, NetParameter)
    except PrototxtError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017  # not every example is refused


def test_a_file_made_to_fill_the_memory(path, monkeypatch):
    monkeypatch.setattr(binary, "MAX_FIELDS", 40)
    path.write_bytes(binary.to_bytes(net()))  # three layers, of seven fields with its blob's
    assert len(binary.read(path, NetParameter).layer) == 3
    path.write_bytes(b"\xa2\x06\x00" * 41)
    assert refusal(path, NetParameter).startswith("has over 40 layers, names and blobs, expected")
