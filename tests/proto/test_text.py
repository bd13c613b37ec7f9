"""Text: reading and writing definitions, and the files that are none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from minicaffe.errors import PrototxtError
from minicaffe.proto import text
from minicaffe.proto.minicaffe_pb2 import (
    TRAIN,
    LayerParameter,
    NetParameter,
    PoolingParameter,
    SolverParameter,
)
from minicaffe.proto.text import parse, read, read_net, read_solver, to_text, write
from tests.proto.messages import messages

NET = """name: "tiny"  # a comment
layer {
  name: "data" type: 'Input'
  input_param: { shape: { dim: [2, 3] } }
}
layer: < type: "Pooling" include { phase: TRAIN }
  pooling_param < pool: AVE, kernel_size: 3; > >
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_parse_reads_every_form_of_a_field():
    net = parse(NET, NetParameter)
    assert [layer.type for layer in net.layer] == ["Input", "Pooling"]
    assert list(net.layer[0].input_param.shape[0].dim) == [2, 3]
    assert net.layer[1].include[0].phase == TRAIN
    pooling = net.layer[1].pooling_param
    assert (pooling.pool, pooling.kernel_size) == (PoolingParameter.AVE, 3)


def test_layers_remember_their_lines():
    net = parse(NET, NetParameter, "models/tiny.prototxt")
    assert [layer.origin for layer in net.layer] == [
        "models/tiny.prototxt:2",
        "models/tiny.prototxt:6",
    ]
    assert parse("layer {}", NetParameter).layer[0].origin == "<string>:1"


def test_layers_of_a_solvers_nets_remember_their_lines():
    text = "net_param {\n layer {} }\ntrain_net_param { layer {} }\ntest_net_param {}\n"
    solver = parse(text + "test_net_param {\n layer {}\n layer {} }", SolverParameter, "s")
    assert solver.net_param.layer[0].origin == "s:2"
    assert solver.train_net_param.layer[0].origin == "s:3"
    assert [layer.origin for layer in solver.test_net_param[1].layer] == ["s:6", "s:7"]


def test_old_layers_remember_their_lines():
    net = parse("layers {}\nlayers {\n layer { name: 'v0' } }", NetParameter, "old")
    assert [layer.origin for layer in net.layers] == ["old:1", "old:2"]


def test_origin_in_a_file_counts_for_nothing():
    assert parse("layer { origin: 'me' }", NetParameter, "p").layer[0].origin == "p:1"


def test_a_layer_alone_is_no_layer_of_a_file():
    assert not parse("name: 'a'", LayerParameter).HasField("origin")


def test_to_text_leaves_origins_out_and_alone():
    net = parse("layer {}\nlayers {}", NetParameter, "p")
    assert to_text(net) == "layers {\n}\nlayer {\n}\n"
    assert (net.layer[0].origin, net.layers[0].origin) == ("p:1", "p:2")
    assert to_text(net.layer[0]) == ""


@given(messages(SolverParameter))
def test_what_is_written_is_read_back(solver):
    again = parse(to_text(solver), SolverParameter)
    assert to_text(again) == to_text(solver)
    for net in (again.net_param, again.train_net_param, *again.test_net_param):
        for layer in (*net.layer, *net.layers):
            layer.ClearField("origin")
    assert again == solver


def test_write_then_read(here):
    net = parse(NET, NetParameter)
    write(net, "out.prototxt")
    assert (here / "out.prototxt").read_bytes() == to_text(net).encode()
    assert to_text(read(here / "out.prototxt", NetParameter)) == to_text(net)


def test_write_where_it_cannot(here):
    with pytest.raises(PrototxtError, match=r"^no/x: cannot be written: No such file"):
        write(NetParameter(), "no/x")


def test_read_net_upgrades(here):
    (here / "old.prototxt").write_text("input: 'x' input_dim: [1, 2, 3, 4]\nlayer { name: 'a' }")
    net = read_net("old.prototxt")
    assert [(layer.name, layer.origin) for layer in net.layer] == [
        ("input", "old.prototxt"),
        ("a", "old.prototxt:2"),
    ]


def test_read_solver_upgrades(here):
    (here / "s.prototxt").write_text(
        "net: 'n' solver_type: ADAM net_param { layers {\n type: TANH } }"
    )
    solver = read_solver(here / "s.prototxt")
    assert (solver.type, solver.snapshot_prefix) == ("Adam", str(here / "s"))
    assert solver.net_param.layer[0].origin == f"{here / 's.prototxt'}:1"


def test_upgrade_errors_name_the_file(here):
    (here / "old.prototxt").write_text("input: 'x' input_dim: 1")
    with pytest.raises(PrototxtError, match=r"^old\.prototxt: 1 input_dim and 1 input are found"):
        read_net("old.prototxt")
    (here / "s.prototxt").write_text("type: 'SGD' solver_type: SGD")
    with pytest.raises(PrototxtError, match=r"^s\.prototxt: both type"):
        read_solver("s.prototxt")


ENCODINGS = {
    "UTF-8": "layer { name: 'größe' } # é".encode(),
    "with byte order mark": "\ufefflayer { name: 'größe' }".encode(),
    "Windows lines": "layer {\r\n name: 'größe'\r\n}\r\n".encode(),
    "old Mac lines": "# x\rlayer {\r name: 'größe'\r}".encode(),
    "end of a DOS text": b"layer { name: 'gr\xc3\xb6\xc3\x9fe' }\n\x1a",
    "Latin-1 in a comment": b"# caf\xe9 }\nlayer { name: 'gr\xc3\xb6\xc3\x9fe' # \xe9\n }",
}


@pytest.mark.parametrize("data", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_bytes_that_are_text(here, data):
    (here / "net").write_bytes(data)
    assert read("net", NetParameter).layer[0].name == "größe"


def test_lines_are_counted_after_windows_lines(here):
    (here / "net").write_bytes(b"\r\n\r\nlayer {\r\n}\r\n")
    assert read("net", NetParameter).layer[0].origin == "net:3"


NO_TEXT = {
    "Latin-1": (b"layer {\n  name: 'caf\xe9' }", r":2:13: byte 0xE9 is found, which is not UTF-8"),
    "Latin-1 outside strings": (b"# \xe9\nlayer { \xfc }", r":2:9: byte 0xFC is found"),
    "UTF-16": ("layer {}".encode("utf-16"), ": is UTF-16 text, expected UTF-8"),
    "weights": (b"\n\4net1\xa2\6\0", ": is a binary file, .* weights belong to -weights"),
    "HDF5": (b"\x89HDF\r\n\x1a\n\0\0", ": is an HDF5 file, expected a definition as text"),
    "nothing": (b"", ": holds no definition, expected a NetParameter"),
    "comments alone": (b"# layer {}\n", ": holds no definition"),
    "NUL": (b"#" * 5000 + b"\nlayer { \0 }", r":2:9: '.x00' is found, expected the name"),
    "NUL in a string": (b"name: 'a" + b"a" * 5000 + b"\0'", ":1:5009: a NUL character is found"),
}


@pytest.mark.parametrize(("data", "message"), NO_TEXT.values(), ids=NO_TEXT.keys())
def test_bytes_that_are_no_definition(here, data, message):
    (here / "net").write_bytes(data)
    with pytest.raises(PrototxtError, match="^net" + message):
        read("net", NetParameter)


def test_a_file_that_is_too_large_for_a_definition(here, monkeypatch):
    monkeypatch.setattr(text, "MAX_BYTES", 1 << 20)
    (here / "net").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(PrototxtError, match=r"^net: is of over 1 MB, expected less"):
        read("net", NetParameter)
    (here / "net").write_bytes(b"#" * 5000 + b"\nlayer {}")
    assert len(read("net", NetParameter).layer) == 1


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("layer {}\n" + " " * 100_001 + "layer {}", ":2:1: over 100000 blanks in a row"),
        ("name: '" + r"\n" * 100_001 + "'", ":1:7: a string with over 100000 escapes"),
        ("name: '" + r"\n" * 1000 + "'" + " " * 90_000 + "x" * 10**6, "1:92009: there is no field"),
        ("layer { name {" + "a {" * 100_000, ":1:14: '{' is found after name, expected ':'"),
        ("input_dim: " + "9" * 100_000, r":1:12: input_dim is '9*...', expected a whole number"),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_texts_made_to_take_time_or_memory(definition, message, lenient):
    if lenient and "no field" in message:
        message = "the end is found, expected"
    with pytest.raises(PrototxtError, match=message):
        parse(definition, NetParameter, lenient=lenient)


def test_nothing_but_what_reads_as_nothing_is_a_definition(here):
    (here / "net").write_text("layer: []")
    assert not read("net", NetParameter).ListFields()


FORK = "name: 'n'\nlayer {\n  name: 'a'\n  my_param { x: 1 }\n}\nlayer { my_param {} zeta: 2 }\n"


def test_lenient_skips_what_a_fork_has(here, caplog):
    (here / "fork").write_text(FORK)
    with pytest.raises(PrototxtError, match=r"^fork:4:3: .* no field 'my_param' .* --lenient"):
        read_net("fork")
    net = read_net("fork", lenient=True)
    assert [(layer.name, layer.origin) for layer in net.layer] == [("a", "fork:2"), ("", "fork:6")]
    assert caplog.messages == [
        "fork:4: skipped 'my_param', an unknown field of LayerParameter, and in line 6",
        "fork:6: skipped 'zeta', an unknown field of LayerParameter",
    ]
    (here / "solver").write_text("net: 'x' stepearly: 1")
    assert read_solver("solver", lenient=True).net == "x"


def test_lenient_holds_for_all_that_is_read_inside(here):
    (here / "fork").write_text(FORK)
    with text.lenient():
        assert len(read_net("fork").layer) == 2
        with text.lenient(False), pytest.raises(PrototxtError, match="my_param"):
            read_net("fork")
        with pytest.raises(PrototxtError, match="my_param"):
            read_net("fork", lenient=False)
        assert len(read_net("fork").layer) == 2
    with pytest.raises(PrototxtError, match="my_param"):
        read_net("fork")


def test_lenient_is_not_so_about_mistakes_of_other_kinds(caplog):
    for wrong, place in {
        "layer {\n my_param {}\n type: 5 }": "3:8: type is '5', expected a string in quotes",
        "my: 1\nstate { phase: RUN }": "2:16: phase is 'RUN', expected one of TRAIN, TEST",
        "my { x: $ }": "1:9: '\\$' is found, expected a value",
        "name: 5\nmy: $": "1:7: name is '5', expected a string",
        "my: 1\nname: '\\q'": "2:8: .q is found in",
        "my: 'a'\nlayer { clip_param { max: 1 } }": "2:9: min is not found in layer",
    }.items():
        with pytest.raises(PrototxtError, match=f"^x:{place}"):
            parse(wrong, NetParameter, "x", lenient=True)
    assert not [line for line in caplog.messages if "min" in line]


def test_lenient_may_leave_nothing(here):
    (here / "labels").write_text("item { name: 'cat' }")
    assert not read_net("labels", lenient=True).ListFields()


def test_errors_name_the_file_as_it_was_named(here):
    (here / "net").write_text("layer {\n x: 1 }")
    for path in ("net", "./net", here / "net"):
        with pytest.raises(PrototxtError, match=f"^{re.escape(str(path))}:2:2: there is no field"):
            read(path, NetParameter)


@pytest.mark.parametrize("name", ["net.yaml", "net.yml", "NET.YAML", "net.json", "net.txt", "net"])
def test_the_extension_says_the_format(here, name):
    net = parse(NET, NetParameter)
    write(net, name)
    written = (here / name).read_text()
    assert written[0] == {"y": "n", "j": "{"}.get(text.syntax_of(name)[0], "n")
    assert ("layer:" in written) == (text.syntax_of(name) == "yaml")
    assert to_text(read_net(name)) == to_text(net)
    assert "origin" not in written


@pytest.mark.parametrize("name", ["net.yaml", "net.json"])
def test_a_file_without_a_definition(here, name):
    (here / name).write_text("{}")
    with pytest.raises(PrototxtError, match=f"^{name}: holds no definition, expected a NetParam"):
        read(name, NetParameter)


def test_yaml_with_a_byte_order_mark_and_other_bytes_in_a_comment(here):
    (here / "net.yaml").write_bytes(b"\xef\xbb\xbf# caf\xe9\r\nname: a\r\n")
    assert read_net("net.yaml").name == "a"
    (here / "net.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(PrototxtError, match=r"^net.yaml:1:10: byte 0xE9 is found"):
        read_net("net.yaml")


def test_weights_are_no_yaml(here):
    (here / "net.yaml").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(PrototxtError, match=r"^net.yaml: is an HDF5 file, expected a definition"):
        read_net("net.yaml")
