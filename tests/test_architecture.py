"""What design.md fixes and no single module can hold: who may import whom, and at what cost."""

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

FOLDERS = {
    "minicaffe": Path(minicaffe.__file__).parent,
    "minicaffe.layers": Path(minicaffe.layers.__file__).parent,
    "minicaffe.proto": Path(minicaffe.proto.__file__).parent,
    "minicaffe.solvers": Path(minicaffe.solvers.__file__).parent,
}

# from the bottom up: a module imports from its own rank and below
RANKS = [
    ["errors", "glog", "proto", "files", "columns", "host", "precision"],
    ["net_functions", "net_spec"],
    ["device", "gpus", "blob", "blob_proto", "fillers", "hdf5", "hdf5_writer", "stored"],
    ["ops"],
    ["data", "boxes"],
    ["layers", "testing", "python_layer", "python_layers", "user_blob"],
    ["graph", "inputs", "param_list", "backward", "debug", "fusion", "net", "buffers", "gradcheck"],
    ["weights", "weights_file", "weights_diff"],
    [
        "solvers",
        "definitions",
        "summary",
        "score",
        "average_precision",
        "report",
        "gradients",
        "features",
        "plan",
    ],
    [
        "snapshot",
        "snapshot_check",
        "snapshot_file",
        "callbacks",
        "watch",
        "scaffold",
        "cuda_graph",
        "gathered",
        "training_step",
        "early_update",
        "solver",
    ],
    ["parallel"],
    [
        "netspec",
        "pycaffe",
        "io",
        "box_detector",
        "classifier",
        "detector",
        "coord_map",
        "draw",
        "drawing",
        "viz",
        "stubs",
    ],
    ["cli", "run", "__main__"],
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def modules():
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            if not name.endswith("_pb2"):
                yield name, path


MODULES = dict(modules())


def subject(name):
    """The part of the package that a module belongs to: the second word of its name."""
    words = name.split(".")
    return words[1] if len(words) > 1 else ""


def imports(path):
    """Names of minicaffe's modules that ``path`` imports when it is loaded or run."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_a_rank():
    assert {subject(name) for name in MODULES} - {"", "models"} <= set(RANK)


@pytest.mark.parametrize("name", [name for name in MODULES if subject(name) in RANK])
def test_imports_go_one_way(name):
    for imported in imports(MODULES[name]):
        if imported.startswith("minicaffe.") and subject(imported) in RANK:
            assert RANK[subject(imported)] <= RANK[subject(name)], f"{name} imports {imported}"


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in MODULES
        if subject(name)
        in ("graph", "param_list", "backward", "debug", "net", "solver", "snapshot")
    ],
)
def test_the_engine_knows_no_layer_type(name):
    """It imports from the package of layers what all types have in common, and nothing else."""
    for imported in imports(MODULES[name]):
        if subject(imported) == "layers":
            assert imported.split(".")[2:] in (["Layer"], ["create_layer"]), imported


def test_importing_is_light():
    code = (
        "import sys, minicaffe, minicaffe.net, minicaffe.solver, minicaffe.layers\n"
        "minicaffe.layers.layer_classes()\n"
        "print(*(set(sys.modules) & {'numba', 'cv2', 'lmdb', 'h5py', 'rich', 'scipy', 'cupy'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_true(name):
    module = __import__(name, fromlist=["*"]) if "_cpu" not in name else None
    names = getattr(module, "__all__", None)
    if names is not None:
        assert names == sorted(names)
        assert all(hasattr(module, each) for each in names)
