from __future__ import annotations

import os
import re
import signal
import sys
import time

import pytest

from minicaffe.cli.main import main
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver
from tests.cli import tiny


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with ``solver.prototxt`` and ``net.prototxt`` in it."""
    tiny.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def log_of(capsys, *argv):
    """The messages of a run that must succeed."""
    assert main(["train", *argv]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    return tiny.messages(err)


def error_of(capsys, *argv):
    """The error of a run that must fail."""
    assert main(["train", *argv]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("minicaffe: error: ")
    return line


@pytest.mark.parametrize(
    "argv",
    [
        ["-solver", "solver.prototxt"],
        ["-solver=solver.prototxt"],
        ["--solver", "solver.prototxt"],
        ["--solver=solver.prototxt", "-weights=", "-gpu", "", "--snapshot="],
    ],
)
def test_every_spelling_reaches_the_same_run(argv, folder, capsys):
    expected = log_of(capsys, "solver.prototxt")
    assert any(message.startswith("Iteration 6, loss = ") for message in expected)
    assert log_of(capsys, *argv) == expected


def test_the_lines_of_the_command_itself(folder, capsys):
    main(["train", "solver.prototxt"])
    places = dict.fromkeys(("caffe.cpp:197", "caffe.cpp:239", "caffe.cpp:250"))
    for line in capsys.readouterr().err.splitlines():
        match = tiny.LINE.fullmatch(line)
        if match and match[1] in places:
            places[match[1]] = match[2]
    assert list(places.values()) == ["Use CPU.", "Starting Optimization", "Optimization Done."]


def test_tools_for_caffes_logs_read_the_log(folder, capsys):
    """The expressions are parse_log.py's."""
    main(["train", "solver.prototxt"])
    number = r"([\.\deE+-]+)"
    iteration, rows = -1, {"train": {}, "test": {}, "lr": {}}
    lines = capsys.readouterr().err.splitlines()
    assert any("Solving" in line for line in lines)
    for line in lines:
        if match := re.search(r"Iteration (\d+)", line):
            iteration = int(match[1])
        for kind, pattern in (
            ("train", rf"Train net output #(\d+): (\S+) = {number}"),
            ("test", rf"Test net output #(\d+): (\S+) = {number}"),
            ("lr", r"()()lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)"),
        ):
            if match := re.search(pattern, line):
                rows[kind][iteration] = float(match[3])
    assert list(rows["train"]) == [0, 2, 4, 6]
    assert list(rows["test"]) == [0, 4, 8]
    assert rows["lr"] == dict.fromkeys([0, 2, 4, 6], 0.5)
    assert 0 < rows["test"][8] < rows["test"][4] < rows["test"][0]


def test_a_seed_in_place_of_the_files(folder, capsys):
    file = log_of(capsys, "solver.prototxt")
    other = log_of(capsys, "solver.prototxt", "-seed", "4")
    tiny.write(folder, "random_seed: 4")
    assert other != file
    assert [m for m in other if "Iteration" in m] == [
        m for m in log_of(capsys, "solver.prototxt") if "Iteration" in m
    ]


def test_going_on_from_a_snapshot(folder, capsys):
    tiny.write(folder, "snapshot: 4")
    whole = log_of(capsys, "solver.prototxt")
    argv = ["solver.prototxt", "-snapshot", "tiny_iter_4.solverstate"]
    rest = log_of(capsys, *argv)
    assert rest.index("Resuming from tiny_iter_4.solverstate") < rest.index("Starting Optimization")
    begin = whole.index("Iteration 4, Testing net (#0)")
    assert rest[rest.index("Iteration 4, Testing net (#0)") :] == whole[begin:]


def first_test_loss(log):
    return next(m for m in log if m.startswith("    Test net output"))


def test_starting_from_weights(folder, capsys):
    log_of(capsys, "solver.prototxt")
    os.rename("tiny_iter_8.caffemodel", "trained.caffemodel")
    tiny.write(folder, 'weights: "nowhere.caffemodel"\nmax_iter: 0')
    log = log_of(capsys, "solver.prototxt", "-weights", "trained.caffemodel,trained.caffemodel")
    assert log.count("Finetuning from trained.caffemodel") == 2  # and not what the file says
    assert float(first_test_loss(log).split()[6]) < 0.05


def test_a_snapshot_makes_the_files_weights_void(folder, capsys):
    log_of(capsys, "solver.prototxt")
    tiny.write(folder, 'weights: "nowhere.caffemodel"')
    log = log_of(capsys, "solver.prototxt", "-snapshot", "tiny_iter_8.solverstate")
    assert not any(message.startswith("Finetuning") for message in log)


def states(monkeypatch, folder, *argv, solver=""):
    """What ``train_state`` is when the solver gets it."""
    seen = []

    def record(self, param, device=None):
        seen.append(param)
        raise KeyboardInterrupt

    monkeypatch.setattr(Solver, "__init__", record)
    tiny.write(folder, solver)
    assert main(["train", "solver.prototxt", *argv]) == 130
    param: SolverParameter = seen[0]
    return param.train_state.level, list(param.train_state.stage), param.HasField("train_state")


def test_level_and_stage(folder, monkeypatch):
    given = 'train_state { level: 2 stage: "old" }'
    assert states(monkeypatch, folder, solver=given) == (2, ["old"], True)
    flags = ("-level", "0", "-stage", "a,b")
    assert states(monkeypatch, folder, *flags, solver=given) == (0, ["old", "a", "b"], True)
    assert states(monkeypatch, folder) == (0, [], False)


def test_weights_and_a_snapshot(folder, capsys):
    error = error_of(capsys, "solver.prototxt", "-weights", "a.caffemodel", "-snapshot", "b")
    assert "-snapshot and -weights are given, expected one of them" in error


def test_weights_given_as_a_snapshot(folder, capsys):
    (folder / "t_iter_9.solverstate").touch()
    error = error_of(capsys, "solver.prototxt", "-snapshot", "t_iter_9.caffemodel")
    assert "-snapshot is t_iter_9.caffemodel, a .caffemodel, expected a .solverstate" in error
    assert error.endswith("did you mean -snapshot t_iter_9.solverstate?")


def test_weights_given_as_a_snapshot_without_one_beside(folder, capsys):
    error = error_of(capsys, "solver.prototxt", "-snapshot", "t.caffemodel.h5")
    assert error.endswith("did you mean -weights t.caffemodel.h5?")


def test_a_snapshot_given_as_weights(folder, capsys):
    (folder / "t.caffemodel").touch()
    error = error_of(capsys, "solver.prototxt", "-weights", "a.caffemodel,t.solverstate")
    assert "a.caffemodel: no such file" in error
    error = error_of(capsys, "solver.prototxt", "-weights", "t.solverstate")
    assert error.endswith("did you mean -weights t.caffemodel?")


@pytest.mark.parametrize("flag", ["-snapshot", "-weights"])
def test_a_missing_file_is_noticed_before_the_net_is_built(flag, folder, capsys):
    assert main(["train", "solver.prototxt", flag, "gone"]) == 1
    assert capsys.readouterr().err.startswith("minicaffe: error: gone: no such file")


def test_a_gpu_that_is_not_there(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    tiny.write(folder, "solver_mode: GPU")
    assert "solver_mode: GPU: CuPy is not installed" in error_of(capsys, "solver.prototxt")
    log_of(capsys, "solver.prototxt", "--cpu")
    assert "-gpu 1: CuPy is not installed" in error_of(capsys, "solver.prototxt", "-gpu", "1")
    assert "expected one of them" in error_of(capsys, "solver.prototxt", "-gpu", "1", "-cpu")


def test_no_solver(folder, capsys):
    assert "train needs one solver definition, none is given" in error_of(capsys)


def test_handlers_are_there_during_training_alone(folder, capsys, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    during = []
    monkeypatch.setattr(Solver, "solve", lambda self: during.append(signal.getsignal(15)))
    log_of(capsys, "solver.prototxt")
    assert during != [before]
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_nets_are_closed_also_after_an_error(folder, capsys, monkeypatch):
    closed = []
    monkeypatch.setattr(Solver, "close", lambda solver: closed.append(solver))
    log_of(capsys, "solver.prototxt")
    (folder / "damaged.solverstate").write_bytes(b"\xff")
    error_of(capsys, "solver.prototxt", "-snapshot", "damaged.solverstate")
    assert len(closed) == 2


def test_a_second_interrupt_is_code_130(folder, capsys, monkeypatch):
    def stuck(self):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise ZeroDivisionError

    monkeypatch.setattr(Solver, "solve", stuck)
    assert main(["train", "solver.prototxt"]) == 130
    assert capsys.readouterr().err.endswith("\nminicaffe: interrupted\n")
    assert not list(folder.glob("tiny_iter_*"))


ENDLESS = "max_iter: 100000000\ndisplay: 1000\ntest_iter: 1\ntest_interval: 1000000"


def wait_for(process, text):
    """Read stderr up to a line with ``text``; returns all of it."""
    lines = []
    while True:
        line = process.stderr.readline()
        assert line, "".join(lines)
        lines.append(line)
        if text in line:
            return "".join(lines)


def snapshots(folder):
    """Iterations that have both files; there must be no others, and none half written."""
    names = [path.name for path in folder.iterdir() if "iter" in path.name]
    found = [int(name.split("_")[2].split(".")[0]) for name in names]
    assert sorted(names) == sorted(
        f"tiny_iter_{n}.{kind}" for n in set(found) for kind in ("caffemodel", "solverstate")
    )
    return sorted(set(found))


def test_hang_up_then_termination_of_a_real_run(tmp_path):
    tiny.write(tmp_path, ENDLESS)
    with tiny.running(tmp_path, "train", "solver.prototxt") as run:
        wait_for(run, "Iteration 1000 ")
        run.send_signal(signal.SIGHUP)
        log = wait_for(run, "Snapshotting solver state")
        log += wait_for(run, "iters), loss")  # it goes on
        [first] = snapshots(tmp_path)
        run.terminate()
        log += run.stderr.read()
        assert run.stdout.read() == ""
        assert run.wait() == 0
    assert "SIGTERM: stopping after this iteration" in log
    assert "Optimization stopped early." in log
    assert "\x1b" not in log
    assert all(tiny.LINE.fullmatch(line) for line in log.splitlines())
    assert len(snapshots(tmp_path)) == 2
    assert snapshots(tmp_path)[0] == first >= 1000


def test_interrupt_during_a_test_of_a_real_run(tmp_path):
    tiny.write(tmp_path, "test_iter: 100000000")
    with tiny.running(tmp_path, "train", "solver.prototxt") as run:
        wait_for(run, "Iteration 0, Testing net (#0)")
        time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        log = run.stderr.read()
        assert run.wait() == 0
    assert "Test interrupted." in log
    assert "Traceback" not in log
    assert snapshots(tmp_path) == [0]


def test_both_formats_go_on_alike(folder, capsys):
    runs = []
    for form, suffix in (("BINARYPROTO", ""), ("HDF5", ".h5")):
        tiny.write(folder, f"snapshot: 4\nsnapshot_format: {form}")
        log_of(capsys, "solver.prototxt")
        log = log_of(capsys, "solver.prototxt", "-snapshot", f"tiny_iter_4.solverstate{suffix}")
        runs.append([message for message in log if " = " in message])
    assert runs[0] == runs[1] != []


def test_weights_tell_what_became_of_each_layer(folder, capsys):
    log_of(capsys, "solver.prototxt")
    (folder / "tiny_iter_8.caffemodel").rename(folder / "trained")
    tiny.write(folder, 'weights: "trained"', tiny.NET.replace('name: "ip"', 'name: "ip_2"'))
    for argv in ([], ["-weights", "trained"]):
        assert main(["train", "solver.prototxt", *argv]) == 0
        log = tiny.messages(capsys.readouterr().err)
        begin = log.index("Finetuning from trained") + 1
        begin = next(i for i in range(begin, len(log)) if log[i].startswith("trained: "))
        assert log[begin : begin + 5] == [
            "trained: 0 layer(s) copied, 1 left at initial values, 1 of the file not in the net",
            "    ip_2  left at its initial values  (5, 3), (5,)",
            "    ip    not in the net              (5, 3), (5,)  did you mean 'ip_2'?",
            "trained: nothing was copied, no layer of the net has the name of one in the file",
            "trained: layer 'ip' is not in the net, and its layer 'ip_2' is left at its initial "
            "values: did you mean that one?",
        ]


def test_warnings_show_when_the_rest_is_quiet(folder, capsys):
    log_of(capsys, "solver.prototxt")
    (folder / "tiny_iter_8.caffemodel").rename(folder / "trained")
    tiny.write(folder, net=tiny.NET.replace('name: "ip"', 'name: "other"'))
    main(["train", "solver.prototxt", "-weights", "trained", "--quiet"])
    assert "nothing was copied" in capsys.readouterr().err


def test_a_snapshot_prefix_that_cannot_be_written_is_an_error_before_training(folder, capsys):
    tiny.write(folder, 'snapshot_prefix: "gone/tiny"')
    error = error_of(capsys, "solver.prototxt")
    assert "snapshot_prefix is 'gone/tiny', expected a path in a folder that exists" in error
