from __future__ import annotations

import os
import subprocess
import sys

import pytest

from minicaffe import __version__
from minicaffe.cli import main as module
from minicaffe.cli import train
from minicaffe.cli.main import main

HEAVY = ("cv2", "google", "h5py", "lmdb", "numba", "numpy", "rich", "scipy")


def test_help_names_every_command_and_shows_an_example(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["--help"])
    assert exit_info.value.code == 0
    out = capsys.readouterr().out
    for command in ("train", "test", "time", "device_query"):
        assert f"\n    {command}" in out
    assert "minicaffe train models/lenet/solver.prototxt" in out


def test_no_command_is_help_and_no_error(capsys):
    assert main([]) == 0
    assert "commands:" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--version", "-version"])
def test_version(flag, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main([flag])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out == f"minicaffe {__version__}\n"


def test_help_of_a_command(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["train", "-help"])
    assert exit_info.value.code == 0
    out = capsys.readouterr().out
    assert "--sighup_effect" in out
    assert "minicaffe train solver.prototxt -weights" in out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from minicaffe.cli.main import main; main([]); "
        f"print('heavy:', sorted(set({HEAVY}) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "heavy: []"


def error_of(argv, capsys):
    """Exit code and the one line on stderr."""
    try:
        code = main(argv)
    except SystemExit as exit_info:
        code = exit_info.code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return code, err


def test_unknown_command(capsys):
    code, err = error_of(["trian", "solver.prototxt"], capsys)
    assert code == 1
    assert err.startswith("minicaffe: error: command is 'trian', expected one of ")
    assert err.endswith(": did you mean 'train'?\n")


def test_flags_before_the_command(capsys):
    code, err = error_of(["-gpu", "0", "train"], capsys)
    assert code == 1
    assert "the command comes first, its flags after it" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (
            ["train", "--solvr=x"],
            "minicaffe train: error: unknown flag --solvr: did you mean '--so",
        ),
        (["train", "-iterations", "9"], "--iterations is a flag of test and time, not of train"),
        (
            ["time", "m", "-weights", "w"],
            "--weights is a flag of classify, summary, test and train, not of",
        ),
        (["train", "a", "b"], "'b' is one argument too many"),
        (["train", "-level", "x"], "argument --level: invalid int value: 'x'"),
        (["train", "-solver"], "argument --solver: expected one argument"),
        (["test", "-iterations", "0"], "'0', expected a whole number from 1 up"),
        (["time", "-phase", "train"], "--phase: invalid choice: 'train'"),
        (["train", "-sigint_effect", "foo"], "--sigint_effect: invalid choice: 'foo'"),
        (["-gpu=0", "train"], "--gpu stands before train, expected after it"),
        (["data", "mnist", "-form=x"], "unknown flag --form: did you mean '--from'?"),
        (["data", "mnist", "-fro=x"], "unknown flag --fro: did you mean '--from'?"),
        (["train", "-snap", "f"], "unknown flag --snap: did you mean '--snapshot'?"),
    ],
)
def test_a_wrong_flag_is_refused_with_code_2(argv, words, capsys):
    code, err = error_of(argv, capsys)
    assert code == 2
    assert words in err


def test_an_unknown_flag_without_command(capsys):
    code, err = error_of(["--gpu=0"], capsys)
    assert code == 1
    assert "--gpu=0 is no flag of minicaffe itself" in err


def test_a_missing_file_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solver.prototxt").touch()
    code, err = error_of(["train", "sover.prototxt"], capsys)
    assert code == 1
    assert err.startswith("minicaffe: error: sover.prototxt: no such file")
    assert "solver.prototxt" in err


def test_an_error_with_line_breaks_is_one_line(monkeypatch, capsys):
    def fail(args):
        raise module.MinicaffeError("first\nsecond")

    monkeypatch.setattr(train, "run", fail)
    assert error_of(["train", "s"], capsys) == (1, "minicaffe: error: first second\n")


def test_ctrl_c_outside_training(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", interrupt)
    assert error_of(["train", "s"], capsys) == (130, "minicaffe: interrupted\n")


def test_other_errors_keep_their_traceback(monkeypatch):
    def fail(args):
        raise ZeroDivisionError

    monkeypatch.setattr(train, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["train", "s"])


@pytest.mark.parametrize("argv", [["train", "s"], ["--help"]])
def test_a_reader_that_goes_away_is_no_error(argv):
    code = f"""if True:
        import sys
        from minicaffe.cli import main, train
        train.run = lambda args: sys.stdout.write("hello")
        sys.stdin.read()
        sys.exit(main.main({argv}))
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1, text=True, env=env
    )
    run.stdout.close()
    run.stdin.close()
    assert run.stderr.read() == ""
    run.stderr.close()
    assert run.wait() == 1


def test_dashes_after_two_dashes_stay():
    assert module._two_dashes(["-solver", "-h", "-5", "-", "--", "-solver"]) == [
        "--solver", "-h", "-5", "-", "--", "-solver",
    ]  # fmt: skip


def test_a_new_module_is_a_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "greet.py").write_text(
        "def add_parser(subparsers): subparsers.add_parser('greet').add_argument('--name')\n"
        "def run(args): print('hello', args.name); return 7\n"
    )
    monkeypatch.setattr(module.cli, "__path__", [*module.cli.__path__, str(tmp_path)])
    assert main(["greet", "-name=you"]) == 7
    assert capsys.readouterr().out == "hello you\n"
    sys.modules.pop("minicaffe.cli.greet")
