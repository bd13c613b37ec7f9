"""The commands that write old files in today's format."""

from __future__ import annotations

import os

import pytest

from minicaffe.cli.main import main
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import NetParameter, V1LayerParameter
from tests.cli.tiny import messages

NET_TEXT, NET_BINARY = "upgrade_net_proto_text", "upgrade_net_proto_binary"
SOLVER_TEXT = "upgrade_solver_proto_text"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *argv):
    """The exit code, the log's messages and its levels, and the error."""
    code = main(argv)
    log = capsys.readouterr().err
    lines = log.splitlines()
    error = lines.pop() if lines and lines[-1].startswith("minicaffe: ") else ""
    return code, messages(log), "".join(line[0] for line in lines), error


def test_a_net(here, capsys):
    (here / "old").write_text("layers { name: 'r' type: RELU bottom: 'x' top: 'x' blobs_lr: 0.1 }")
    code, log, levels, error = run(capsys, NET_TEXT, "old", "new")
    assert (code, error) == (0, "")
    assert (here / "new").read_text() == (
        'layer {\n  name: "r"\n  type: "ReLU"\n  bottom: "x"\n  top: "x"\n'
        "  param {\n    lr_mult: 0.1\n  }\n}\n"
    )
    assert log == [
        "Attempting to upgrade input file specified using deprecated V1LayerParameter: old",
        "Successfully upgraded file specified using deprecated V1LayerParameter",
        "Wrote upgraded NetParameter text proto to new",
    ]
    assert levels == "III"


@pytest.mark.parametrize(
    ("command", "text", "name"),
    [(NET_TEXT, 'name: "n"\n', "Net"), (SOLVER_TEXT, 'net: "n"\n', "Solver")],
)
def test_what_is_of_today_is_written_all_the_same(here, capsys, command, text, name):
    (here / "old").write_text(f"# new\n{text}")
    code, log, levels, _ = run(capsys, command, "old", "old")
    assert code == 0
    assert (here / "old").read_text() == text
    assert log == [
        "File already in latest proto format: old",
        f"Wrote upgraded {name}Parameter text proto to old",
    ]
    assert levels == "EI"


def test_what_is_left_behind_shows_in_the_exit_code(here, capsys):
    (here / "old").write_text("\nlayers { layer { name: 'r' type: 'relu' pad: 1 } }")
    code, log, levels, _ = run(capsys, NET_TEXT, "old", "new")
    assert code == 1
    assert (here / "new").read_text() == 'layer {\n  name: "r"\n  type: "ReLU"\n}\n'
    assert "Unknown parameter pad for layer type relu (layer 'r', old:2)" in log
    assert "Encountered error(s) while upgrading prototxt; see details above." in log
    assert log[-1] == "Wrote upgraded NetParameter text proto to new"
    assert levels == "IEEIIIEI"


@pytest.mark.parametrize(
    ("command", "data", "failed", "why"),
    [
        (NET_TEXT, b"layer { zeta: 1 }", "text file as NetParameter", "old:1:9: there is no field"),
        (SOLVER_TEXT, b"zeta: 1", "text file as SolverParameter", "old:1:1: there is no field"),
        (NET_BINARY, b"name: 'n'", "binary file as NetParameter", "old: is text, expected weights"),
        (NET_TEXT, None, "text file as NetParameter", "old: no such file"),
    ],
)
def test_what_cannot_be_read(here, capsys, command, data, failed, why):
    if data is not None:
        (here / "old").write_bytes(data)
    code, log, levels, error = run(capsys, command, "old", "new")
    assert (code, levels) == (2, "E")
    assert log == [f"Failed to parse input {failed}: old"]
    assert error.startswith(f"minicaffe: error: {why}")
    assert not (here / "new").exists()


def test_what_cannot_be_upgraded(here, capsys):
    (here / "old").write_text("layer {}\nlayers {}")
    code, _, _, error = run(capsys, NET_TEXT, "old", "new")
    assert code == 1
    assert error.startswith("minicaffe: error: old:2: both layers (the V1 format) and layer are")
    assert not (here / "new").exists()


def test_a_solver(here, capsys):
    (here / "old").write_text("net: 'n' solver_type: NESTEROV")
    code, log, _, _ = run(capsys, SOLVER_TEXT, "old", "new")
    assert code == 0
    assert (here / "new").read_text() == 'net: "n"\ntype: "Nesterov"\n'
    assert [line for line in log if "future" not in line] == [
        "Attempting to upgrade input file specified using deprecated 'solver_type' field (enum): "
        "old",
        "Successfully upgraded file specified using deprecated 'solver_type' field (enum) to "
        "'type' field (string).",
        "Wrote upgraded SolverParameter text proto to new",
    ]


def test_weights(here, capsys):
    old = NetParameter(name="n")
    v0 = old.layers.add().layer
    v0.name, v0.type = "ip", "innerproduct"
    v0.blobs.add(num=1, channels=1, height=2, width=3, data=range(6))
    old.layers.add(name="c", type=V1LayerParameter.CONVOLUTION).blobs.add(data=[7])
    (here / "old").write_bytes(binary.to_bytes(old))
    code, log, _, _ = run(capsys, NET_BINARY, "old", "new")
    assert code == 0
    new = binary.read("new", NetParameter)
    assert [(layer.name, layer.type) for layer in new.layer] == [
        ("ip", "InnerProduct"),
        ("c", "Convolution"),
    ]
    assert new.layer[0].blobs[0] == v0.blobs[0]
    assert list(new.layer[1].blobs[0].data) == [7]
    assert log[-1] == "Wrote upgraded NetParameter binary proto to new"


def test_lenient(here, capsys):
    (here / "old").write_text("layer { zeta: 1 name: 'a' }")
    code, log, levels, _ = run(capsys, NET_TEXT, "old", "new", "--lenient")
    assert code == 0
    assert (here / "new").read_text() == 'layer {\n  name: "a"\n}\n'
    assert log[0] == "old:1: skipped 'zeta', an unknown field of LayerParameter"
    assert levels == "WEI"
    (here / "old").write_text("zeta: 1 net: 'n'")
    assert run(capsys, SOLVER_TEXT, "old", "new", "--lenient")[0] == 0
    assert (here / "new").read_text() == 'net: "n"\n'


def test_a_link_stays_one(here, capsys):
    """As /dev/stdout is: nothing may take its place."""
    (here / "old").write_text("name: 'n'")
    (here / "file").write_text("what was there, and was longer")
    (here / "link").symlink_to("file")
    assert run(capsys, NET_TEXT, "old", "link")[0] == 0
    assert (here / "link").is_symlink()
    assert (here / "file").read_text() == 'name: "n"\n'


def test_a_pipe_is_written_to(here, capsys):
    (here / "old").write_text("name: 'n'")
    os.mkfifo(here / "pipe")
    reader = os.open(here / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run(capsys, NET_TEXT, "old", "pipe")[0] == 0
        assert os.read(reader, 100) == b'name: "n"\n'
    finally:
        os.close(reader)
    assert (here / "pipe").is_fifo()


def test_where_it_cannot_write(here, capsys):
    (here / "old").write_text("name: 'n'")
    code, _, _, error = run(capsys, NET_TEXT, "old", "no/new")
    assert (code, error) == (1, "minicaffe: error: cannot write no/new: No such file or directory")
    code, _, _, error = run(capsys, NET_TEXT, "old", ".")
    assert (code, error) == (1, "minicaffe: error: cannot write .: Is a directory")


@pytest.mark.parametrize("argv", [[NET_TEXT], [NET_TEXT, "a"], [NET_BINARY, "a", "b", "c"]])
def test_two_files_are_needed(argv):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2


def test_each_file_is_in_the_format_of_its_name(here, capsys):
    (here / "a.prototxt").write_text("layers { name: 'r' type: RELU }")
    for old, new in (("a.prototxt", "b.yaml"), ("b.yaml", "c.json"), ("c.json", "d.prototxt")):
        assert run(capsys, NET_TEXT, old, new)[0] == 0
    assert (here / "b.yaml").read_text() == "layer:\n- {name: r, type: ReLU}\n"
    assert (here / "d.prototxt").read_text() == 'layer {\n  name: "r"\n  type: "ReLU"\n}\n'
    (here / "s.yaml").write_text("solver_type: ADAM")
    assert run(capsys, SOLVER_TEXT, "s.yaml", "s.json")[0] == 0
    assert (here / "s.json").read_text() == '{"type": "Adam"}\n'


def test_a_program_becomes_a_definition(here, capsys):
    (here / "net.py").write_text(
        "from minicaffe.net_spec import layers as L\n"
        "def net(phase, name): return L.Input(name=f'{name}{phase}')\n"
    )
    assert run(capsys, NET_TEXT, "net.py:name=x", "out.prototxt")[0] == 0
    assert (here / "out.prototxt").read_text().count("phase: T") == 2
    code, _, _, error = run(capsys, NET_TEXT, "net.py", "out.prototxt")
    assert code == 2
    assert "net.py: net(phase, name) cannot be called: missing a required argument" in error
