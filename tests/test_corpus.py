"""Definitions that others published: read, brought up to date and built as Caffe does.

``tests/corpus`` is a sample; ``CORPUS=FOLDER`` in the environment (``make slow CORPUS=FOLDER``)
names a larger collection of the same layout, for the slow tests.
"""

from __future__ import annotations

import csv
import functools
import json
import logging
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.net import Net, closing
from minicaffe.proto.beyond import beyond_caffe
from minicaffe.proto.minicaffe_pb2 import NetParameter, NetState, Phase, SolverParameter
from minicaffe.proto.text import parse, read, read_net, to_text
from minicaffe.proto.upgrade import upgrade_as_original, upgrade_solver_as_original

SAMPLE = Path(__file__).parent / "corpus"
WHOLE = os.environ.get("CORPUS", "")
MESSAGES = {"net": NetParameter, "solver": SolverParameter}

# What the original's tools end with.
WRITTEN, INCOMPLETE, UNREADABLE, ABORTED = 0, 1, 2, -6


@pytest.fixture(
    params=[
        pytest.param(SAMPLE, id="sample"),
        pytest.param(
            Path(WHOLE),
            id="whole",
            marks=[pytest.mark.slow, pytest.mark.skipif(not WHOLE, reason="CORPUS is not given")],
        ),
    ]
)
def folder(request, caplog):
    """Where the definitions are, in ``prototxts``, and what Caffe makes of them."""
    caplog.set_level(logging.CRITICAL, "minicaffe")
    return request.param


@functools.cache
def index(folder):
    with open(folder / "prototxts" / "INDEX.tsv", encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["kind"] in MESSAGES]


def upgrades(folder):
    return json.loads((folder / "prototxts_golden" / "upgraded.json").read_text())


def shapes(folder):
    lines = (folder / "prototxts_golden" / "net_shapes.jsonl").read_text().splitlines()
    return map(json.loads, lines)


def refusal(folder, row, **options):
    """The PrototxtError that reading the file ends in; None if it is read."""
    try:
        read(folder / "prototxts" / row["file"], MESSAGES[row["kind"]], **options)
    except PrototxtError as error:
        return error
    return None


def message(folder, row, **options):
    """The file as it is read; None if it is refused."""
    try:
        return read(folder / "prototxts" / row["file"], MESSAGES[row["kind"]], **options)
    except PrototxtError:
        return None


def verdict(folder, row):
    """What Caffe's schema, which has no fork's fields, makes of a file, in the index's words."""
    found = message(folder, row)
    if found is not None:
        return "permissive" if any(beyond_caffe(found)) else "strict"
    return "permissive" if refusal(folder, row, lenient=True) is None else "FAIL"


def test_the_sample_has_something_of_everything():
    rows = index(SAMPLE)
    assert {row["parse_with_bvlc_proto"] for row in rows} == {"strict", "permissive", "FAIL"}
    assert {"V0", "V1", "V2", "V1+V2", "solver"} <= {row["format"] for row in rows}
    assert {each["rc"] for each in upgrades(SAMPLE)} == {WRITTEN, INCOMPLETE, UNREADABLE, ABORTED}
    assert Counter(each["phase"] for each in shapes(SAMPLE)).keys() == {"TRAIN", "TEST"}


def test_each_file_gets_its_verdict(folder):
    found = {row["file"]: verdict(folder, row) for row in index(folder)}
    assert found == {row["file"]: row["parse_with_bvlc_proto"] for row in index(folder)}


def test_each_failure_names_the_line_and_what_is_wrong_there(folder):
    """The first mistake of a file is the one that is reported, as it is by protobuf."""
    for row in index(folder):
        note = re.match(r'"?(\d+):\d+ : ', row["parse_note"])
        if note is None:
            continue
        error = refusal(folder, row, lenient=row["parse_with_bvlc_proto"] == "FAIL")
        known = re.findall(r'named "*(\w+)', row["parse_note"])
        if error is None or (known and known[0] not in str(error)):
            names = " ".join(beyond_caffe(message(folder, row, lenient=True)))
            assert known[0] in names, row["file"]  # a fork's, which is read here
            continue
        assert error.line == int(note[1]), row["file"]
        for name in re.findall(r'named "*(\w+)', row["parse_note"]):
            assert name in str(error), row["file"]


def upgraded(path, kind):
    """The exit code that the original's tool ends with, and the text that it writes."""
    try:
        message = read(path, MESSAGES[kind])
    except PrototxtError:
        return UNREADABLE, None
    if any(beyond_caffe(message)):  # by the original; here it is upgraded
        return UNREADABLE, None
    try:
        if kind == "solver":
            return WRITTEN, to_text(upgrade_solver_as_original(message))
        net, complaints = upgrade_as_original(message)
    except PrototxtError:
        return ABORTED, None
    return (INCOMPLETE if complaints else WRITTEN), to_text(net)


def test_each_file_is_upgraded_to_the_text_that_caffe_writes(folder):
    for each in upgrades(folder):
        code, text = upgraded(folder / "prototxts" / each["file"], each["kind"])
        assert code == each["rc"], each["file"]
        if code == WRITTEN:
            golden = (folder / "prototxts_golden" / each["out"]).read_text()
            assert text == golden, each["file"]
            message = parse(golden, MESSAGES[each["kind"]])
            assert text == to_text(message), each["file"]


def test_each_net_is_built_as_by_caffe(folder):
    for each in shapes(folder):
        state = NetState(phase=Phase.Value(each["phase"]))
        net = Net(read_net(folder / "prototxts" / each["file"]), state)
        with closing(net):
            params = [step.layer.param for step in net.steps]
            found = {
                "layers": [[p.name, p.type, [*p.bottom], [*p.top]] for p in params],
                "inputs": net.inputs,
                "outputs": net.outputs,
                "blobs": {name: list(blob.shape) for name, blob in net.blobs.items()},
                "params": {
                    step.name: [list(blob.shape) for blob in step.layer.blobs]
                    for step in net.steps
                    if step.layer.blobs
                },
            }
        for part, value in found.items():
            assert value == each[part], (each["file"], each["phase"], part)
