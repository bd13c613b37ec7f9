from __future__ import annotations

import argparse

import numba
import pytest
import threadpoolctl

from minicaffe.cli import _flags
from minicaffe.cli.main import main
from minicaffe.errors import MinicaffeError
from minicaffe.proto.minicaffe_pb2 import NetState
from minicaffe.proto.text import read_net, set_lenient
from tests.cli import tiny


def definition(*argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    _flags.add_definition(parser, "model", "it")
    return _flags.definition(parser.parse_args(["test", *argv]), "model")


@pytest.mark.parametrize("argv", [["m"], ["--model", "m"], ["--model=m"], ["m", "--model="]])
def test_a_definition_is_given_either_way(argv):
    assert definition(*argv) == "m"


def test_no_definition():
    with pytest.raises(MinicaffeError, match=r"test needs one model definition, none is given"):
        definition()


def test_two_definitions():
    with pytest.raises(MinicaffeError, match="a and b are given"):
        definition("a", "--model=b")


def state(**flags):
    result = NetState(level=3, stage=["old"])
    _flags.apply_state(argparse.Namespace(**{"level": None, "stage": None, **flags}), result)
    return result.level, list(result.stage)


def test_level_and_stage_left_alone_where_not_given():
    assert state() == (3, ["old"])


def test_level_replaces_and_stage_appends():
    assert state(level=0, stage="a, b,") == (0, ["old", "a", "b"])


def test_nothing_given_leaves_no_empty_state_behind():
    from minicaffe.proto.minicaffe_pb2 import SolverParameter

    param = SolverParameter()
    _flags.apply_state(argparse.Namespace(level=None, stage=""), param.train_state)
    assert not param.HasField("train_state")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_positive_refuses(text):
    with pytest.raises(argparse.ArgumentTypeError, match="whole number from 1 up"):
        _flags.positive(text)


def test_threads():
    before = numba.get_num_threads()
    blas = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    try:
        _flags.use_threads(1)
        assert numba.get_num_threads() == 1
    finally:
        numba.set_num_threads(before)
    # a BLAS with threads of its own inside the workers would fight with them
    assert [pool["num_threads"] for pool in threadpoolctl.threadpool_info()] == blas


def test_more_threads_than_there_are():
    with pytest.raises(MinicaffeError, match=r"--threads is 100000, expected 1\.\.\d+"):
        _flags.use_threads(100000)


@pytest.mark.parametrize("lenient", [False, True])
def test_lenient_reaches_the_nets_that_a_solver_names(tmp_path, monkeypatch, capsys, lenient):
    monkeypatch.chdir(tmp_path)
    tiny.write(tmp_path, "max_iter: 1\nmy_solver_field: 1", f"my_field {{ x: 1 }} {tiny.NET}")
    argv = ["train", "solver.prototxt", "--cpu"] + ["--lenient"] * lenient
    assert main(argv) == (0 if lenient else 1)
    log = capsys.readouterr().err
    if lenient:
        assert "'my_solver_field', an unknown field of SolverParameter" in log
        assert "net.prototxt:1: skipped 'my_field', an unknown field of NetParameter" in log
    else:
        assert "there is no field 'my_solver_field'" in log
    with pytest.raises(MinicaffeError, match="my_field"):  # what the command set ends with it
        read_net("net.prototxt")


def test_lenient_holds_until_the_next_command(tmp_path):
    (tmp_path / "net").write_text("zeta: 1 name: 'n'")
    try:
        assert definition("m", "--lenient") == "m"
        assert read_net(tmp_path / "net").name == "n"
        definition("m")
        with pytest.raises(MinicaffeError, match="zeta"):
            read_net(tmp_path / "net")
    finally:
        set_lenient(False)


@pytest.mark.parametrize("on", [True, False])
def test_deterministic(monkeypatch, on):
    from minicaffe.ops import choice

    monkeypatch.setattr(choice, "_deterministic", False)
    _flags.use_threads(None, deterministic=on)
    assert choice.is_deterministic() is on
