"""Stubs: what is committed is what the schema gives, and mypy finds mistakes by it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minicaffe
import minicaffe.layers
import minicaffe.proto
import minicaffe.solvers
from minicaffe import stubs
from minicaffe.layers import layer_classes
from minicaffe.net_spec import layers as L  # noqa: N812  # its name in every script
from minicaffe.proto.minicaffe_pb2 import LayerParameter

SCRIPT = """\
from minicaffe import layers as L, params as P
from minicaffe.netspec import NetSpec

n = NetSpec()
n.data, n.label = L.Data(source="x", backend=P.Data.LMDB, transform_param=dict(scale=1), ntop=2)
n.conv = L.Convolution(n.data, num_output=3, kernel_size=[3, 1], param=[dict(lr_mult=1)], name="c")
n.pool = L.Pooling(n.conv, pool=P.Pooling.MAX, kernel_size=2)
n.mine = L.OfAFork(L.Pooling(n.conv, pool="AVE", global_pooling=True), anything=3)
n.quiet = L.Silence(n.pool, ntop=0)
n.wrong = L.Convolution(n.data, num_ouput=3)
n.wrong = L.Pooling(n.data, pool="MIN")
n.wrong = L.Pooling(n.data, kernel_size="3")
n.wrong = L.Pooling(n.data, pool=P.Pooling.MIN)
"""


def functions():
    path = next(path for path in stubs.files() if path.name == "__init__.pyi")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("index", [0, 1])
def test_the_committed_stubs_are_those_that_are_made(index):
    path, text = list(stubs.files().items())[index]
    assert path.read_text(encoding="utf-8") == text, "run make proto"


def test_each_type_has_its_fields():
    found = functions()
    types = {t for t, c in layer_classes().items() if c.__module__.startswith("minicaffe.layers.")}
    assert types == set(found) - {"__getattr__"}
    for name in types:
        for argument in found[name].args.kwonlyargs:
            getattr(L, name)(**{argument.arg: None})  # refuses what does not exist
    names = [argument.arg for argument in found["LSTM"].args.kwonlyargs]
    assert names[:2] == ["num_output", "weight_filler"]
    assert names[-1] == "recurrent_param"


def test_docstrings_have_the_comments_and_the_defaults():
    text = ast.get_docstring(functions()["Pooling"])
    assert "round_mode: What to do with a window" in text
    assert "Default: CEIL." in text


def test_what_every_layer_has_is_in_the_schema():
    tree = ast.parse(stubs.layers_stub())
    common = next(node for node in tree.body if getattr(node, "name", "") == "_Layer")
    names = {node.target.id for node in common.body if isinstance(node, ast.AnnAssign)}
    fields = {f.name for f in LayerParameter.DESCRIPTOR.fields if not f.name.endswith("_param")}
    assert names == fields - {"type", "bottom", "origin"} | {"ntop", "in_place"}


@pytest.mark.slow
def test_mypy_finds_mistakes(tmp_path):
    """As a user has it: the package on the path, and a script that uses it."""
    tree = tmp_path / "tree" / "minicaffe"
    tree.mkdir(parents=True)
    for path in Path(minicaffe.__file__).parent.iterdir():
        (tree / path.name).symlink_to(path)
    for package in (minicaffe.layers, minicaffe.proto, minicaffe.solvers):
        folder = tree / package.__name__.rpartition(".")[2]
        if not folder.exists():
            folder.symlink_to(Path(package.__file__).parent)
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    run = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), "script.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(tree.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if line.startswith("script.py:")]
    errors = [line for line in errors if ": error: " in line]
    assert [line.split(": error: ")[0] for line in errors] == [
        f"script.py:{line}" for line in (10, 11, 12, 13)
    ], run.stdout
    assert 'Unexpected keyword argument "num_ouput" for "Convolution"' in errors[0]
