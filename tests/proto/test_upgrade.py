"""Upgrade: each step by itself, then all of them."""

from __future__ import annotations

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


def test_transform_fields_move():
    after = pure(
        upgrade.move_transform_fields,
        net("""
            layer { name: "a" type: "Data" data_param {
              source: "db" batch_size: 2 scale: 0.5 mean_file: "m" crop_size: 4 mirror: false } }
            layer { name: "b" type: "ImageData" image_data_param { crop_size: 3 new_height: 2 }
              transform_param { mirror: true } }
            layer { name: "c" type: "WindowData" window_data_param { mirror: true crop_mode: "x" } }
            layer { name: "d" type: "Data" data_param { source: "db" } }
            layer { name: "e" type: "Mine" data_param { scale: 2 } }
        """),
    )
    assert same(
        after,
        net("""
            layer { name: "a" type: "Data" data_param { source: "db" batch_size: 2 }
              transform_param { scale: 0.5 mean_file: "m" crop_size: 4 mirror: false } }
            layer { name: "b" type: "ImageData" image_data_param { new_height: 2 }
              transform_param { mirror: true crop_size: 3 } }
            layer { name: "c" type: "WindowData" window_data_param { crop_mode: "x" }
              transform_param { mirror: true } }
            layer { name: "d" type: "Data" data_param { source: "db" } }
            layer { name: "e" type: "Mine" data_param { scale: 2 } }
        """),
    )


def test_transform_fields_may_be_given_twice_but_not_differently():
    both = 'layer { name: "a" type: "Data" data_param { scale: 2 } transform_param { scale: %s } }'
    after = pure(upgrade.move_transform_fields, net(both % 2))
    assert after.layer[0].transform_param.scale == 2
    with pytest.raises(
        PrototxtError,
        match=r"^f:2: scale of layer 'a' is 2.0 in data_param and 3.0 in transform_param, expected",
    ):
        upgrade.move_transform_fields(net("\n" + both % 3))


@pytest.mark.parametrize(
    "shapes",
    [
        "input_shape { dim: [1, 2, 3, 4] } input_shape { dim: [5, 6, 7, 8] }",
        "input_dim: [1, 2, 3, 4, 5, 6, 7, 8]",
        "input_dim: [1, 2, 3, 4, 5, 6, 7, 8] "
        "input_shape { dim: [1, 2, 3, 4] } input_shape { dim: [5, 6, 7, 8] }",
    ],
)
def test_inputs_become_the_first_layer(shapes):
    after = pure(
        upgrade.inputs_to_layer,
        net(f'name: "n" input: ["x", "y"] {shapes} layer {{ name: "a" }} state {{ level: 1 }}'),
    )
    assert same(
        after,
        net("""
            name: "n"
            layer { name: "input" type: "Input" top: ["x", "y"]
              input_param { shape { dim: [1, 2, 3, 4] } shape { dim: [5, 6, 7, 8] } } }
            layer { name: "a" }
            state { level: 1 }
        """),
    )
    assert [layer.origin for layer in after.layer] == ["f", "f:1"]


def test_an_input_alone_has_no_origin_to_take():
    after = upgrade.inputs_to_layer(net("input: 'x' input_shape { dim: 1 }"))
    assert not after.layer[0].HasField("origin")


def test_an_input_of_any_number_of_axes():
    after = upgrade.inputs_to_layer(net("input: 'x' input_shape { dim: [7, 9] }"))
    assert list(after.layer[0].input_param.shape[0].dim) == [7, 9]


def test_an_input_that_a_layer_makes_is_left_over():
    after = pure(upgrade.inputs_to_layer, net("input: 'x' layer { name: 'd' top: 'x' }"))
    assert same(after, net("layer { name: 'd' top: 'x' }"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "input: 'x'",
            r"^input 'x' is found without a shape, expected input_shape .* type: .Input. ",
        ),
        ("input: ['x', 'y'] layer { top: 'x' }", r"^input 'y' is found without a shape"),
        ("input: 'x' input_dim: [1, 2, 3]", r"^3 input_dim and 1 input are found, expected four"),
        ("input_dim: [1, 2, 3, 4]", r"^4 input_dim and 0 input are found"),
        ("input_shape { }", r"^1 input_shape and 0 input are found, expected one input_shape"),
        ("input: ['x', 'y'] input_shape { }", r"^1 input_shape and 2 input are found"),
        (
            "input: 'x' input_dim: [1, 2, 3, 4] input_shape { dim: [1, 2, 3] }",
            r"^input_shape and input_dim are found with different numbers",
        ),
    ],
)
def test_inputs_that_are_refused(text, message):
    with pytest.raises(PrototxtError, match=message):
        upgrade.inputs_to_layer(net(text))
    with pytest.raises(PrototxtError, match=message.replace("^", "^file: ")):
        upgrade.upgrade_net(net(text), "file")


def test_batch_norm_with_three_params_is_frozen():
    after = pure(
        upgrade.freeze_batch_norm,
        net("""
            layer { type: "BatchNorm" param { name: "m" lr_mult: 1 } param {} param { lr_mult: 0 } }
            layer { type: "BatchNorm" param {} param {} }
            layer { type: "BatchNorm" param { lr_mult: 1 } param {} param {} param {} }
            layer { type: "Scale" param {} param {} param {} }
        """),
    )
    frozen = "lr_mult: 0 decay_mult: 0"
    assert same(
        after,
        net(f"""
            layer {{ type: "BatchNorm"
              param {{ name: "m" {frozen} }} param {{ {frozen} }} param {{ {frozen} }} }}
            layer {{ type: "BatchNorm" param {{}} param {{}} }}
            layer {{ type: "BatchNorm" param {{ lr_mult: 1 }} param {{}} param {{}} param {{}} }}
            layer {{ type: "Scale" param {{}} param {{}} param {{}} }}
        """),
    )


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
    for step in upgrade.NET_STEPS:
        assert step(before) is before


def test_all_steps_one_after_the_other():
    before = net("""
        input: "x" input_dim: [1, 2, 3, 4]
        layers { name: "d" type: DATA data_param { scale: 2 } }
        layers { name: "i" type: TANH blobs_lr: 0.5 }
    """)
    after = pure(upgrade.upgrade_net, before)
    assert same(
        after,
        net("""
            layer { name: "input" type: "Input" top: "x"
              input_param { shape { dim: [1, 2, 3, 4] } } }
            layer { name: "d" type: "Data" data_param { } transform_param { scale: 2 } }
            layer { name: "i" type: "TanH" param { lr_mult: 0.5 } }
        """),
    )
    assert [layer.origin for layer in after.layer] == ["f", "f:3", "f:4"]
    assert upgrade.upgrade_net(after) is after


@given(messages(NetParameter))
def test_any_net_is_upgraded_for_good_or_refused(before):
    try:
        after = pure(upgrade.upgrade_net, before, "file")
    except PrototxtError as error:
        assert error.path == "file"  # noqa: PT017  # not every example is refused
    else:
        old = (after.layers, after.input, after.input_dim, after.input_shape)
        assert not any(map(len, old))
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


def test_nets_inside_a_solver_are_upgraded():
    old, new = "layers { type: TANH }", "layer { type: 'TanH' }"
    text = (
        "net_param {{ {0} }} train_net_param {{ {0} }} test_net_param {{ {0} }} test_net_param {{}}"
    )
    after = pure(upgrade.upgrade_solver, solver(text.format(old)))
    assert same(after, solver(text.format(new)))


def test_a_net_inside_a_solver_that_is_refused():
    with pytest.raises(PrototxtError, match=r"^s: input 'x' is found without"):
        upgrade.upgrade_solver(solver("net_param { input: 'x' }"), "s")


@given(messages(SolverParameter))
def test_any_solver_is_upgraded_for_good_or_refused(before):
    try:
        after = pure(upgrade.upgrade_solver, before, "file.prototxt")
    except PrototxtError as error:
        assert error.path == "file.prototxt"  # noqa: PT017  # not every example is refused
    else:
        assert not after.HasField("solver_type")
        assert upgrade.upgrade_solver(after, "file.prototxt") == after
