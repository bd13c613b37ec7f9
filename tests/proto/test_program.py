"""Programs: a net.py in place of a definition, its options and its mistakes."""

from __future__ import annotations

import sys

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, SolverParameter
from minicaffe.proto.program import file_of, is_program, program_of, run_net
from minicaffe.proto.text import read, read_net, read_solver, to_text, write

NET = """\
from minicaffe.net_spec import NetSpec, layers as L, params as P

def net(phase, depth=1, width=1.0, pool="MAX"):
    n = NetSpec()
    n.data = L.Input(shape=dict(dim=[2 if phase == 0 else 1, 3]))
    x = n.data
    for index in range(depth):
        x = n[f"ip{index}"] = L.InnerProduct(x, num_output=int(8 * width))
    if phase == 1:
        n.prob = L.Softmax(x)
    return n
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a net.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def names(net):
    return [layer.name for layer in net.layer]


def test_a_phase(here):
    assert names(read_net("net.py", phase=TRAIN)) == ["data", "ip0"]
    assert names(read_net(here / "net.py", phase="TEST")) == ["data", "ip0", "prob"]
    assert [layer.origin for layer in read_net("net.py", phase=TEST).layer] == [
        *("net.py:5", "net.py:8", "net.py:10"),
    ]


def test_both_phases(here):
    net = read_net("net.py")
    assert names(net) == ["data", "data", "ip0", "prob"]
    assert [[rule.phase for rule in layer.include] for layer in net.layer] == [
        *([TRAIN], [TEST], [], [TEST]),
    ]
    write(net, "out.prototxt")
    assert "origin" not in (here / "out.prototxt").read_text()
    assert to_text(read_net("out.prototxt")) == to_text(net)


def test_options(here):
    net = read_net("net.py:depth=2,width=.5", phase=TRAIN)
    assert names(net) == ["data", "ip0", "ip1"]
    assert net.layer[1].inner_product_param.num_output == 4


def test_the_values_of_options():
    text = "a=1,b=1e-3, c = true ,d=None,e=x/y.z,f='a,b',g=[1,2],h=(3,'}'),i=,j=False,k={'l': 1}"
    assert program_of(f"m/net.py:{text}") == (
        "m/net.py",
        {
            "a": 1,
            "b": 1e-3,
            "c": True,
            "d": None,
            "e": "x/y.z",
            "f": "a,b",
            "g": [1, 2],
            "h": (3, "}"),
            "i": "",
            "j": False,
            "k": {"l": 1},
        },
    )


@pytest.mark.parametrize(
    ("path", "file", "options"),
    [
        ("net.py", "net.py", {}),
        ("net.py:", "net.py", {}),
        ("C:\\m\\net.py", "C:\\m\\net.py", {}),
        ("C:\\m\\net.py:depth=2", "C:\\m\\net.py", {"depth": 2}),
        ("net.py:like=other.py", "net.py", {"like": "other.py"}),
    ],
)
def test_the_file_and_the_options(path, file, options):
    assert is_program(path)
    assert program_of(path) == (file, options)
    assert file_of(path) == file


def test_files_of_odd_names(here):
    (here / "a.py:b=1.py").write_text(NET)
    assert program_of("a.py:b=1.py") == ("a.py:b=1.py", {})
    assert program_of("a.py:b=1.py:depth=3") == ("a.py:b=1.py", {"depth": 3})
    (here / "x.py:y").write_text("name: 'prototxt'")
    assert not is_program("x.py:y")
    assert read_net("x.py:y").name == "prototxt"
    assert file_of("x.py:y") == "x.py:y"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("L.ReLU(L.Input(), in_place=True)", ["Input1", "ReLU1"]),
        ("(L.Input(), L.Input(name='b'))", ["Input1", "b"]),
        ("[L.Silence(L.Input(), ntop=0)]", ["Input1", "Silence1"]),
        ("to_proto(L.Input())", ["Input1"]),
    ],
)
def test_what_a_net_may_be(here, result, expected):
    head = "from minicaffe.net_spec import layers as L, to_proto\n"
    (here / "n.py").write_text(f"{head}def net(phase):\n    return {result}\n")
    assert names(read_net("n.py", phase=TEST)) == expected


def test_an_old_message_is_upgraded(here):
    (here / "n.py").write_text(
        "from minicaffe.proto.caffe_pb2 import NetParameter\n"
        "old = NetParameter(input=['x'], input_dim=[1, 2, 3, 4])\n"
        "old.layer.add(name='a')\n"
        "def net(phase):\n"
        "    return old\n"
    )
    net = read_net("n.py")
    assert [(layer.name, layer.origin) for layer in net.layer] == [("input", "n.py"), ("a", "n.py")]


def test_it_imports_from_its_folder_and_leaves_nothing(here, capsys):
    for name, width in (("one", 3), ("two", 5)):
        (here / name).mkdir()
        (here / name / "blocks.py").write_text(f"WIDTH = {width}\n")
        (here / name / "net.py").write_text(
            "import dataclasses, blocks\n"
            "from minicaffe.net_spec import layers as L\n"
            "@dataclasses.dataclass\n"
            "class A:\n    x: int = 1\n"
            "def net(phase):\n"
            "    print('a line')\n"
            "    return L.InnerProduct(num_output=blocks.WIDTH)\n"
        )
    before, path = set(sys.modules), list(sys.path)
    for name, width in (("one", 3), ("two", 5)):
        net = read_net(f"{name}/net.py", phase=TEST)
        assert net.layer[0].inner_product_param.num_output == width
    assert "blocks" not in set(sys.modules) - before
    assert sys.path == path
    assert capsys.readouterr() == ("", "a line\na line\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", r"^n.py: has no function net, expected def net\(phase, \*\*options\)$"),
        ("net = 3", "^n.py: has a net that is no function"),
        ("def net(phase): pass", r"^n.py: net\(TEST\) returns None, .*: is a return missing"),
        ("def net(phase): return 3", "^n.py: net.TEST. returns a int, expected a NetSpec"),
        ("def net(phase): return ()", "returns a tuple, expected a NetSpec"),
        ("def net(phase): yield", "returns a generator, expected"),
        ("def net(): pass", r"^n.py: net\(\) cannot be called: too many positional"),
        (
            "def net(phase, a): pass",
            "cannot be called: missing a required argument: 'a'.*n.py:name=",
        ),
        ("x = 1\ndef net(:", "^n.py:2:9: is no Python: invalid syntax"),
        ("x = 1\n1 / 0", "^n.py:2: ZeroDivisionError when it is loaded: division by zero"),
        (
            "def net(phase):\n    return inner()\ndef inner():\n    return {}['a']",
            r"^n.py:4: KeyError in net\(TEST\): a$",
        ),
        ("import no_such_module", "^n.py:1: ModuleNotFoundError when it is loaded: No module"),
        ("import sys\nsys.exit(3)", r"^n.py:2: calls sys.exit\(3\) when it is loaded"),
        ("def net(phase):\n    raise SystemExit", r"^n.py:2: calls sys.exit\(None\) in net"),
        (
            "def net(phase):\n    import json\n    json.loads('{')",
            "^n.py:3: JSONDecodeError in net",
        ),
        (
            "from minicaffe.net_spec import layers as L\n"
            "def net(phase):\n    return L.Pooling(pol=1, name='p')",
            r"^n.py:3: layer 'p' \(Pooling\): there is no field 'pol' .* did you mean 'pool'\?$",
        ),
        (
            "from minicaffe.net_spec import layers as L\ndef net(phase):\n    return L.ReLU(3)",
            r"^n.py:3: TypeError in net\(TEST\): ReLU input 0 is not a Top",
        ),
        (
            "from minicaffe.proto.text import read_net\n"
            "def net(phase):\n    return read_net('none.prototxt')",
            "^none.prototxt: no such file",
        ),
    ],
)
def test_mistakes(here, source, message):
    (here / "n.py").write_text(source)
    with pytest.raises(PrototxtError, match=message):
        run_net("n.py", TEST)


def test_a_syntax_error_beside_it(here):
    (here / "beside.py").write_text("x = (")
    (here / "n.py").write_text("\nimport beside")
    with pytest.raises(PrototxtError, match=r"^n.py:2: is no Python of .*beside.py:1: '\(' was"):
        run_net("n.py", TEST)


def test_mistakes_of_the_phases(here):
    (here / "n.py").write_text(
        "from minicaffe.proto.caffe_pb2 import NetParameter\n"
        "def net(phase): return NetParameter(debug_info=bool(phase))\n"
    )
    with pytest.raises(PrototxtError, match=r"^n.py: debug_info is not the same for both phases"):
        read_net("n.py")
    assert read_net("n.py", phase=TEST).debug_info


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("net.py:dept=2", "^net.py: net has no option 'dept': did you mean 'depth'"),
        ("net.py:phase=1", "net has no option 'phase'"),
        ("net.py:2", "^net.py: option is '2', expected NAME=VALUE"),
        ("net.py:depth=1,depth=2", "option depth is given twice"),
        ("nett.py", "^nett.py: no such file.*did you mean 'net.py'"),
        ("nett.py:depth=2", "^nett.py: no such file.*did you mean 'net.py'"),
    ],
)
def test_mistakes_in_the_name(here, path, message):
    with pytest.raises(PrototxtError, match=message):
        read_net(path)


def test_any_option_goes_where_the_function_takes_all(here):
    (here / "n.py").write_text(
        "from minicaffe.net_spec import layers as L\n"
        "def net(phase, **options): return L.Input(name=options['name'])\n"
    )
    assert names(read_net("n.py:name=x", phase=TEST)) == ["x"]


def test_a_solver_is_no_program(here):
    with pytest.raises(
        PrototxtError, match=r"^net.py: is a program, .* expected a SolverParameter"
    ):
        read_solver("net.py")
    with pytest.raises(PrototxtError, match=r"^new.py: is a program, which cannot be written"):
        write(NetParameter(), "new.py")
    assert not (here / "new.py").exists()


def test_a_solver_may_name_one(here):
    (here / "s.yaml").write_text('net: "net.py:depth=2"\nbase_lr: 0.1\n')
    assert read_solver("s.yaml").net == "net.py:depth=2"
    assert read("s.yaml", SolverParameter).base_lr == pytest.approx(0.1)
