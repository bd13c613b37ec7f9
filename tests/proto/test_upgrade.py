"""Upgrade: all steps, for nets and solvers."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given

from minicaffe.errors import PrototxtError
from minicaffe.proto import upgrade
from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.text import parse, to_text
from tests.proto.messages import messages


def net(text):
    return parse(text, NetParameter, "f")


def solver(text):
    return parse(text, SolverParameter, "s")


def pure(step, before, *args):
    """What ``step`` makes of ``before``, which it must not touch."""
    untouched = upgrade.copy(before)
    after = step(before, *args)
    assert before == untouched
    return after


def same(a, b):
    """Whether two definitions are the same but for where they were read."""
    return to_text(a) == to_text(b)


TODAY = [
    "",
    "name: 'n' layer { type: 'Data' data_param { source: 'x' } transform_param { scale: 2 } }",
    "layer { type: 'BatchNorm' %s }" % ("param { lr_mult: 0 decay_mult: 0 } " * 3),
    "layer { type: 'Input' top: 'x' input_param { shape { dim: 1 } } }",
]


@pytest.mark.parametrize("text", TODAY)
def test_a_net_of_today_is_returned_itself(text):
    before = net(text)
    assert pure(upgrade.upgrade_net, before) is before
    assert not upgrade.needs_upgrade(before) or "BatchNorm" in text


OLD = """
    input: "x" input_dim: [1, 2, 3, 4]
    layers { top: "d" layer { name: "d" type: "data" scale: 2 pad: 1 } }
    layers { name: "w" type: WINDOW_DATA window_data_param { mirror: true } }
    layers { name: "i" type: TANH blobs_lr: 0.5 }
"""


def test_all_steps_one_after_the_other():
    after = pure(upgrade.upgrade_net, net(OLD))
    assert same(
        after,
        net("""
            layer { name: "input" type: "Input" top: "x"
              input_param { shape { dim: [1, 2, 3, 4] } } }
            layer { name: "d" type: "Data" top: "d" data_param { } transform_param { scale: 2 } }
            layer { name: "w" type: "WindowData" window_data_param { }
              transform_param { mirror: true } }
            layer { name: "i" type: "TanH" param { lr_mult: 0.5 } }
        """),
    )
    assert [layer.origin for layer in after.layer] == ["f", "f:3", "f:4", "f:5"]
    assert upgrade.upgrade_net(after) is after


def test_each_step_is_logged_as_by_the_original(caplog):
    caplog.set_level(logging.INFO)
    bn = 'layer { type: "BatchNorm" %s }' % ("param {} " * 3)
    assert upgrade.upgrade_as_original(net(OLD), "file").complaints == [
        "Unknown parameter pad for layer type data (layer 'd', f:3)"
    ]
    upgrade.upgrade_net(net(bn), "file")
    old = "Attempting to upgrade input file specified using deprecated"
    done = "Successfully upgraded file specified using deprecated"
    assert [line for line in caplog.messages if "future" not in line] == [
        f"{old} V0LayerParameter: file",
        "Unknown parameter pad for layer type data (layer 'd', f:3)",
        "Warning: had one or more problems upgrading V0NetParameter to NetParameter (see above); "
        "continuing anyway.",
        f"{old} transformation parameters: file",
        f"{done} data transformation parameters.",
        f"{old} V1LayerParameter: file",
        f"{done} V1LayerParameter",
        f"{old} input fields: file",
        f"{done} input fields.",
        "Attempting to upgrade batch norm layers using deprecated params: file",
        "Successfully upgraded batch norm layers using deprecated params.",
    ]
    levels = {line.levelname for line in caplog.records if "Unknown parameter" in line.message}
    assert levels == {"ERROR"}


def test_the_original_leaves_transform_fields_of_a_layer():
    before = net("layer { type: 'Data' data_param { scale: 2 } }")
    assert upgrade.upgrade_as_original(before).net is before
    assert upgrade.upgrade_net(before).layer[0].transform_param.scale == 2


def test_errors_name_the_file():
    with pytest.raises(PrototxtError, match=r"^file: 3 input_dim and 1 input are found"):
        upgrade.upgrade_net(net("input: 'x' input_dim: [1, 2, 3]"), "file")


@given(messages(NetParameter))
def test_any_net_is_upgraded_for_good_or_refused(before):
    try:
        after = pure(upgrade.upgrade_net, before, "file")
    except PrototxtError as error:
        assert error.path == "file"  # noqa: PT017  # not every example is refused
    else:
        assert not after.layers
        assert not after.input
        assert upgrade.upgrade_net(after) is after


def test_solver_types():
    names = {
        "SGD": "SGD",
        "NESTEROV": "Nesterov",
        "ADAGRAD": "AdaGrad",
        "RMSPROP": "RMSProp",
        "ADADELTA": "AdaDelta",
        "ADAM": "Adam",
    }
    assert set(names) == set(SolverParameter.SolverType.keys())
    for old, new in names.items():
        after = pure(upgrade.solver_type_to_type, solver(f"solver_type: {old} base_lr: 1"))
        assert after == solver(f"type: '{new}' base_lr: 1")


def test_solver_type_unset_or_given_twice():
    before = solver("type: 'Mine'")
    assert upgrade.solver_type_to_type(before) is before
    with pytest.raises(
        PrototxtError, match=r'^f: both type: "SGD" and solver_type: ADAM are found'
    ):
        upgrade.upgrade_solver(solver("type: 'SGD' solver_type: ADAM"), "f")


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("", "models/lenet/solver.prototxt", "models/lenet/solver"),
        ("", "a.b/solver", "a.b/solver"),
        ("", "s.x.prototxt", "s.x"),
        ("there", "models/solver.prototxt", "there/solver"),
        ("there/", "solver.prototxt", "there/solver"),
        ("there/x", "solver.prototxt", "there/x"),
        ("not_there/", "solver.prototxt", "not_there/"),
        ("", "", ""),
        ("there", "", "there"),
    ],
)
def test_snapshot_prefix(tmp_path, monkeypatch, prefix, path, expected):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    before = SolverParameter(snapshot_prefix=prefix) if prefix else SolverParameter()
    assert pure(upgrade.default_snapshot_prefix, before, path).snapshot_prefix == expected


def test_a_snapshot_prefix_that_is_made_up_is_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    upgrade.default_snapshot_prefix(SolverParameter(), "a/s.prototxt")
    upgrade.default_snapshot_prefix(SolverParameter(snapshot_prefix="x"), "a/s.prototxt")
    upgrade.default_snapshot_prefix(SolverParameter(snapshot_prefix=str(tmp_path)), "a/s.prototxt")
    assert caplog.messages == [
        "snapshot_prefix was not specified and is set to a/s",
        f"snapshot_prefix was a directory and is replaced to {tmp_path}/s",
    ]


def test_nets_inside_a_solver_are_upgraded():
    old, new = "layers { type: TANH }", "layer { type: 'TanH' }"
    text = (
        "net_param {{ {0} }} train_net_param {{ {0} }} test_net_param {{ {0} }} test_net_param {{}}"
    )
    after = pure(upgrade.upgrade_solver, solver(text.format(old)))
    assert same(after, solver(text.format(new)))


def test_a_net_inside_a_solver_that_is_refused():
    with pytest.raises(PrototxtError, match=r"^s: 1 input_dim and 1 input are"):
        upgrade.upgrade_solver(solver("net_param { input: 'x' input_dim: 1 }"), "s")


def test_a_solver_is_logged_as_by_the_original(caplog):
    caplog.set_level(logging.INFO)
    upgrade.upgrade_solver(solver("solver_type: ADAM"), "s")
    assert caplog.messages[:2] == [
        "Attempting to upgrade input file specified using deprecated 'solver_type' field (enum): s",
        "Successfully upgraded file specified using deprecated 'solver_type' field (enum) to "
        "'type' field (string).",
    ]


@given(messages(SolverParameter))
def test_any_solver_is_upgraded_for_good_or_refused(before):
    try:
        after = pure(upgrade.upgrade_solver, before, "file.prototxt")
    except PrototxtError as error:
        assert error.path == "file.prototxt"  # noqa: PT017  # not every example is refused
    else:
        assert not after.HasField("solver_type")
        assert upgrade.upgrade_solver(after, "file.prototxt") == after
