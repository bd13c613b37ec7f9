from __future__ import annotations

import pytest

from minicaffe.cli.main import main
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import NetParameter
from tests.test_weights_diff import layer


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with ``a`` and ``b``, which differ."""
    monkeypatch.chdir(tmp_path)
    long = "a_layer_with_a_long_name[1]"
    for name, value in (("a", 1.0), ("b", 1.5)):
        net = layer(layer(NetParameter(), long, [[value, 0.0]]), "same", [2.0])
        (tmp_path / name).write_bytes(binary.to_bytes(layer(net, f"only_{name}", kind="ReLU")))
    return tmp_path


def test_a_table_of_what_differs(folder, capsys):
    assert main(["diff", "a", "b"]) == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "layer blob shape changed max |diff| relative L2 zeros",
        "a_layer_with_a_long_name[1] 0 (1, 2) 1 (50.0%) 0.5 0.5 50.0%",
        "only_a removed, without parameters",
        "only_b added, without parameters",
        "3 of 4 layers differ",
    ]


def test_columns_are_cut_nowhere(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    main(["diff", "a", "b"])
    assert "a_layer_with_a_long_name[1]  0     (1, 2)" in capsys.readouterr().out


def test_all_shows_what_is_equal_too(folder, capsys):
    assert main(["diff", "a", "a", "--all"]) == 0
    out = capsys.readouterr().out
    assert "same" in out
    assert "only_a                       no parameters" in out
    assert out.endswith("0 of 3 layers differ\n")


def test_equal_files(folder, capsys):
    assert main(["diff", "a", "a"]) == 0
    assert capsys.readouterr().out == "0 of 3 layers differ\n"


def test_tolerance(folder, capsys):
    main(["diff", "a", "b", "--tolerance", "0.5"])
    assert "a_layer" not in capsys.readouterr().out


@pytest.mark.parametrize("value", ["-1", "x", "nan", "inf"])
def test_what_is_no_tolerance(folder, value, capsys):
    with pytest.raises(SystemExit):
        main(["diff", "a", "b", f"--tolerance={value}"])
    assert "expected a number from 0 up" in capsys.readouterr().err


def test_an_error_is_no_difference(folder, capsys):
    assert main(["diff", "a", "none"]) == 2
    assert "minicaffe: error: none: no such file" in capsys.readouterr().err
