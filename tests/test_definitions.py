"""Which nets a solver's definition names, in what order, in what state."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from minicaffe import definitions
from minicaffe.definitions import check_resumed, check_solver, train_net, weight_files
from minicaffe.errors import PrototxtError, SolverConfigError
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, SolverParameter

BASE = 'base_lr: 0.1 lr_policy: "fixed" '


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with nets a, b and c, each named as its file."""
    for name in "abc":
        (tmp_path / f"{name}.prototxt").write_text(f'name: "{name}"')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parse(text):
    param = text_format.Parse(BASE + text, SolverParameter())
    check_solver(param)
    return param


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('net: "a.prototxt"', "a", "Creating training net from net file: a.prototxt"),
        (
            'train_net: "b.prototxt"',
            "b",
            "Creating training net from train_net file: b.prototxt",
        ),
        ('net_param { name: "p" }', "p", "Creating training net specified in net_param."),
        (
            'train_net_param { name: "q" }',
            "q",
            "Creating training net specified in train_net_param.",
        ),
    ],
)
def test_four_ways_to_name_the_net_to_train(folder, caplog, text, name, line):
    caplog.set_level("INFO", "minicaffe")
    assert train_net(parse(text))[0].name == name
    assert line in caplog.messages


@pytest.mark.parametrize("generic", ['net: "a.prototxt"', 'net_param { name: "a" }'])
def test_order_of_the_test_nets(folder, caplog, generic):
    caplog.set_level("INFO", "minicaffe")
    text = """ test_interval: 5 test_iter: 1 test_iter: 2 test_iter: 3 test_iter: 4 test_iter: 5
      test_net: "b.prototxt" test_net: "c.prototxt" test_net_param { name: "p" } """
    nets = list(definitions.test_nets(parse(text + generic)))
    assert [net.name for net, _ in nets] == ["p", "b", "c", "a", "a"]
    last = "net file: a.prototxt" if "prototxt" in generic else "net_param"
    assert [m for m in caplog.messages if "test net" in m] == [
        f"Creating test net (#{index}) specified by {source}"
        for index, source in enumerate(
            [
                "test_net_param",
                "test_net file: b.prototxt",
                "test_net file: c.prototxt",
                last,
                last,
            ]
        )
    ]


def test_without_test_iter_the_net_is_not_tested(folder):
    assert list(definitions.test_nets(parse('net: "a.prototxt" test_interval: 5'))) == []


@pytest.mark.parametrize(
    ("net", "count", "message"),
    [
        ("net", 1, r"test_iter is given 1 time\(s\), expected at least 2"),
        ("train_net", 1, r"test_iter is given 1 time\(s\), expected 2: one for each"),
        ("train_net", 3, r"test_iter is given 3 time\(s\), expected 2: one for each"),
    ],
)
def test_one_test_iter_for_each_test_net(net, count, message):
    text = f'{net}: "a" test_net: "b" test_net: "c" test_interval: 1' + " test_iter: 1" * count
    with pytest.raises(SolverConfigError, match=message):
        parse(text)


def test_a_missing_file_is_named(folder):
    with pytest.raises(PrototxtError, match=r"d\.prototxt: no such file"):
        list(
            definitions.test_nets(
                parse('net: "a.prototxt" test_net: "d.prototxt" test_iter: 1 test_interval: 1')
            )
        )


def test_all_files_are_read_before_the_first_net(folder):
    text = 'train_net: "a.prototxt" test_net: "b.prototxt" test_net: "d.prototxt" test_interval: 1'
    with pytest.raises(PrototxtError, match=r"d\.prototxt: no such file"):
        next(definitions.test_nets(parse(text + " test_iter: 1 test_iter: 1")))


def test_state_is_the_phase_then_the_nets_own_then_the_solvers():
    text = """ test_iter: 1 test_iter: 1 test_interval: 1
      net_param { state { level: 1 stage: "own" } }
      train_state { level: 2 stage: "train" }
      test_state { stage: "one" } test_state { level: 3 phase: TRAIN } """
    param = parse(text)
    states = [train_net(param)[1], *(state for _, state in definitions.test_nets(param))]
    assert [(s.phase, s.level, list(s.stage)) for s in states] == [
        (TRAIN, 2, ["own", "train"]),
        (TEST, 1, ["own", "one"]),
        (TRAIN, 3, ["own"]),  # as the original has it: whatever is given wins
    ]


def test_the_solvers_message_is_left_as_it_was():
    text = 'net_param { layers { name: "l" type: RELU bottom: "x" top: "x" } } test_iter: 1 '
    param = parse(text + "test_interval: 1")
    before = param.SerializeToString()
    net, _ = train_net(param)
    [(test, _)] = definitions.test_nets(param)
    assert net.layer[0].type == test.layer[0].type == "ReLU"
    assert param.SerializeToString() == before


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", []),
        ('weights: "a.caffemodel"', ["a.caffemodel"]),
        ('weights: "a, b ,c" weights: "d"', ["a", "b", "c", "d"]),
        ('weights: ""', []),
    ],
)
def test_files_of_weights(text, files):
    assert weight_files(text_format.Parse(text, SolverParameter())) == files


@pytest.mark.parametrize(
    ("values", "iteration", "step", "warns"),
    [
        ([], 9, 0, False),
        ([5, 7], 5, 0, False),  # the fifth update was number 4
        ([5, 7], 6, 1, False),
        ([5, 7], 5, 1, True),
        ([5, 5, 5], 7, 2, False),
        ([5, 5, 5], 7, 3, True),
        ([5, 7], 9, 3, True),
        ([0], 0, 0, False),
    ],
)
def test_a_step_that_multistep_would_not_have_come_to(caplog, values, iteration, step, warns):
    param = SolverParameter(lr_policy="multistep", stepvalue=values)
    check_resumed(param, iteration, step)
    assert len(caplog.messages) == warns
    check_resumed(SolverParameter(lr_policy="step"), iteration, step)
    assert len(caplog.messages) == warns


def test_a_program_is_asked_for_the_net_of_each_phase(folder):
    (folder / "net.py").write_text(
        "from minicaffe.net_spec import NetSpec, layers as L\n"
        "def net(phase, name):\n"
        "    n = NetSpec()\n"
        "    n[f'{name}{phase}'] = L.Input()\n"
        "    return n\n"
    )
    param = parse('net: "net.py:name=x" test_iter: 1 test_interval: 1')
    (test, state), *_ = definitions.test_nets(param)
    assert [each.name for each in train_net(param)[0].layer] == [f"x{TRAIN}"]
    assert [each.name for each in test.layer] == [f"x{TEST}"]
    assert [each.include[:] for each in test.layer] == [[]]
    assert state.phase == TEST
    param = parse(
        'train_net: "net.py:name=y" test_net: "net.py:name=z" test_iter: 1 test_interval: 1'
    )
    assert [each.name for each in train_net(param)[0].layer] == [f"y{TRAIN}"]
    assert [net.layer[0].name for net, _ in definitions.test_nets(param)] == [f"z{TEST}"]
