"""Wire: what is seen of a binary file before it is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minicaffe.proto import wire
from minicaffe.proto.minicaffe_pb2 import BlobProto, NetParameter, SolverState


def test_survey_counts_what_fits_and_stops_at_nonsense():
    data = b"\x0a\x02ab" + b"\x10\x01" + b"\x92\x7d\x00" + b"\x28\x01" + b"\x00"
    assert wire.survey(data, NetParameter) == (2, 1, 9, 11)
    assert wire.survey(data[:1], NetParameter).end > 1
    assert wire.survey(b"\xff" * 20, NetParameter).known == 0


def test_survey_looks_at_so_many_fields_only():
    unknown = b"\x98\x7d\x00"
    assert wire.survey(unknown * 20_000, NetParameter).end == 3 * 10_000


def fields(message, message_type):
    """The least ``most`` that does not exceed."""
    data = message.SerializeToString() if hasattr(message, "SerializeToString") else message
    return next(most for most in range(1000) if not wire.exceeds(data, message_type, most))


def test_fields_of_messages_count_but_not_those_of_arrays():
    net = NetParameter(name="n")
    layer = net.layer.add(name="a", bottom=["x", "y"])
    assert fields(net, NetParameter) == 2 + 3
    layer.blobs.add(data=[1] * 100, shape={"dim": [10, 10]})
    layer.convolution_param.kernel_size.extend([1] * 50)
    assert fields(net, NetParameter) == 2 + 5
    layer.input_param.shape.add(dim=[1])
    assert fields(net, NetParameter) == 2 + 6 + 1
    net.layers.add().layer.blobs.add()
    assert fields(net, NetParameter) == 2 + 6 + 1 + 3
    assert fields(BlobProto(data=[1] * 9), BlobProto) == 1
    assert fields(SolverState(iter=1, history=[BlobProto()] * 7), SolverState) == 8


def test_groups_hide_nothing():
    group, end = b"\xbb\x3e", b"\xbc\x3e"
    assert fields(group + b"\x92\x03\x00" * 5 + end, NetParameter) == 7


@given(st.binary(max_size=60))
def test_any_bytes_are_counted(data):
    assert not wire.exceeds(data, NetParameter, 60)


def test_outermost_fields_are_found_until_one_makes_no_sense():
    data = b"\x0a\x02ab" + b"\x10\xac\x02" + b"\x1d1234" + b"\x92\x7d\x00" + b"\x00"
    found = list(wire.outermost(data))
    assert [(f.number, f.at, f.body, f.start, f.end) for f in found] == [
        (1, 0, 1, 2, 4),
        (2, 4, 5, 5, 7),
        (3, 7, 8, 8, 12),
        (2002, 12, 14, 15, 15),
    ]
    assert [f.has_length for f in found] == [True, False, False, True]
    assert list(wire.outermost(data[:3])) == []
    assert len(list(wire.outermost(memoryview(data)[:9]))) == 2


@given(st.integers(1, 2**29 - 1), st.binary(max_size=300))
def test_a_field_that_is_written_is_found(number, value):
    data = wire.tagged(number, value)
    (found,) = wire.outermost(data)
    assert (found.number, data[found.start : found.end]) == (number, value)
