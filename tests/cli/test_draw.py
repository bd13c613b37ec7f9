from __future__ import annotations

import pytest

from minicaffe.cli.main import main
from tests.drawing import nets


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "net.prototxt").write_text(nets.PHASES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_draw(folder, capsys):
    assert main(["draw", "net.prototxt", "net.svg"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "net.svg: phases, 5 layers, 40 parameters\n"
    assert captured.err == ""
    assert "64|10x5" in (folder / "net.svg").read_text()


def test_a_phase(folder, capsys):
    assert main(["draw", "net.prototxt", "net.dot", "--phase", "train"]) == 0
    assert "TRAIN phase, 3 layers" in capsys.readouterr().out
    text = (folder / "net.dot").read_text()
    assert "64x5" in text
    assert "best" not in text


def test_the_flags_of_the_original(folder):
    argv = ["draw", "net.prototxt", "net.dot", "--rankdir", "LR", "--phase", "ALL"]
    assert main([*argv, "--display_lrm"]) == 0
    assert "rankdir=LR" in (folder / "net.dot").read_text()


def test_lr_mult(folder):
    text = nets.CHAIN.replace('top: "ip"', 'top: "ip" param { lr_mult: 0.5 }')
    (folder / "net.prototxt").write_text(text)
    assert main(["draw", "net.prototxt", "net.dot", "--lr-mult"]) == 0
    assert "lr_mult 0.5" in (folder / "net.dot").read_text()


def test_no_shapes(folder, capsys):
    assert main(["draw", "net.prototxt", "net.svg", "-no-shapes"]) == 0
    assert "64|10x5" not in (folder / "net.svg").read_text()


def test_why_there_are_no_shapes(folder, capsys):
    text = nets.CHAIN.replace("kernel_size: 3", "kernel_size: 30")
    (folder / "net.prototxt").write_text(text)
    assert main(["draw", "net.prototxt", "net.html", "--rankdir", "bt"]) == 0
    assert "no shapes after 'conv': layer 'conv' (Convolution)" in capsys.readouterr().out
    assert "no shapes after" in (folder / "net.html").read_text()


def test_input(folder):
    argv = ["draw", "net.prototxt", "net.dot", "--phase", "TEST", "--input", "data:3,7"]
    assert main(argv) == 0
    assert "3x5" in (folder / "net.dot").read_text()


def test_a_net_without_a_name_has_that_of_its_file(folder, capsys):
    (folder / "net.prototxt").write_text(nets.CHAIN.replace('name: "chain"', ""))
    assert main(["draw", "net.prototxt", "net.png"]) == 0
    assert capsys.readouterr().out.startswith("net.png: net.prototxt, 6 layers")


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["net.prototxt", "net.jpg"], "format of the picture is 'jpg', expected svg, png, dot"),
        (["net.prototxt", "net"], "format of the picture is '', expected svg"),
        (["none.prototxt", "net.svg"], "none.prototxt"),
        (["net.prototxt", "none/net.svg"], "cannot write none/net.svg"),
        (["net.prototxt", "n.svg", "--input", "data:1", "--input", "data:2"], "names a blob twice"),
    ],
)
def test_refusals(folder, capsys, argv, why):
    assert main(["draw", *argv]) == 1
    assert why in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["net.prototxt"]
