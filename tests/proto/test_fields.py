"""Fields: every kind of field is copied."""

from __future__ import annotations

from hypothesis import given

from minicaffe.proto.fields import copy, fields_of, set_field
from minicaffe.proto.minicaffe_pb2 import Datum, SolverParameter
from tests.proto.messages import messages


@given(messages(SolverParameter))
def test_a_message_is_all_of_its_fields(solver):
    again = SolverParameter()
    for name, value in fields_of(solver):
        set_field(again, name, value)
    assert again == solver == copy(solver)


def test_a_copy_shares_nothing():
    solver = SolverParameter(stepvalue=[1])
    other = copy(solver)
    other.stepvalue.append(2)
    assert list(solver.stepvalue) == [1]


def test_a_string_that_is_not_utf8_is_mended():
    solver = SolverParameter()
    set_field(solver, "net", b"a\xff")
    assert solver.net == "a\ufffd"
    datum = Datum()
    set_field(datum, "data", b"a\xff")
    assert datum.data == b"a\xff"
