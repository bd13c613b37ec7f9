"""The name ``caffe``, in a process of its own: it is nobody else's there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import minicaffe


def run(code, cwd, given=None):
    code = f"from minicaffe.pycaffe.alias import install\ninstall()\n{code}"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


FORMS = [
    "import caffe; assert caffe.__version__ == '1.0.0'; assert caffe.__file__.endswith('.py')",
    "import caffe, minicaffe; assert caffe is not minicaffe; assert caffe.Net is minicaffe.Net",
    "import caffe; caffe.set_mode_cpu(); assert (caffe.TRAIN, caffe.TEST) == (0, 1)",
    "from caffe import layers as L, params as P; L.ReLU; assert P.Pooling.AVE == 1",
    "import caffe; caffe.layers.Convolution; assert caffe.params.Eltwise.SUM == 1",
    "import caffe.layers as L; L.ReLU",
    "import caffe; from minicaffe.net_spec import layers; assert caffe.layers is layers",
    "import caffe; assert caffe.NetSpec and caffe.to_proto",
    "import caffe; from minicaffe import net_spec; assert caffe.net_spec is net_spec",
    "import caffe.net_spec, minicaffe.net_spec as n; assert caffe.net_spec is n",
    "from caffe import net_spec; from caffe.net_spec import NetSpec, Top",
    "import caffe.io, minicaffe.io; assert caffe.io is minicaffe.io; caffe.io.load_image",
    "import caffe; caffe.io.Transformer",
    "from caffe.io import Transformer",
    "import caffe.draw; from caffe.draw import draw_net_to_file",
    "import caffe.coord_map; from caffe.coord_map import crop",
    "from caffe.classifier import Classifier; import caffe; assert caffe.Classifier is Classifier",
    "from caffe.detector import Detector; import caffe; assert caffe.Detector is Detector",
    "import caffe; caffe.classifier.Classifier; caffe.detector.Detector",
    "from caffe.proto import caffe_pb2; import caffe.proto.caffe_pb2 as pb; assert pb is caffe_pb2",
    "import caffe; caffe.proto.caffe_pb2.NetParameter()",
    "import caffe; from caffe.proto import caffe_pb2; assert caffe_pb2.TRAIN == caffe.TRAIN",
    "from caffe.pycaffe import Net, SGDSolver; import caffe; assert caffe.Net is Net",
    "import caffe; caffe.pycaffe.Net; caffe._caffe.Net",
    "from caffe._caffe import Net, SGDSolver, AdamSolver, NCCL, Timer, Layer",
    "from caffe._caffe import set_mode_cpu, set_device, layer_type_list, get_solver, init_log",
    "import caffe; assert 'Convolution' in caffe.layer_type_list()",
    "from caffe import *; Net; layers.ReLU; set_mode_cpu(); assert io.load_image and TEST == 1",
    "import caffe, importlib; assert importlib.import_module('caffe.io') is caffe.io",
    "import caffe; assert not hasattr(caffe, 'no_such_name')",
    "import caffe; assert 'Net' in dir(caffe) and 'io' in dir(caffe)",
    "import caffe, minicaffe.layers; assert caffe.layers is not minicaffe.layers",
    "import caffe.io; assert caffe.io.__spec__.name == 'minicaffe.io'",
]


ALL = """
import json, sys, traceback
wrong = {}
for form in json.loads(sys.stdin.read()):
    for name in [name for name in sys.modules if name.split(".")[0] == "caffe"]:
        del sys.modules[name]
    try:
        exec(form, {})
    except Exception:
        wrong[form] = traceback.format_exc()
print(json.dumps(wrong))
"""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """Form to traceback, of those that fail; each sees a ``caffe`` that nobody has imported."""
    return json.loads(run(ALL, tmp_path_factory.mktemp("forms"), json.dumps(FORMS)))


@pytest.mark.parametrize("form", FORMS)
def test_forms(wrong, form):
    assert form not in wrong, wrong[form]


def test_what_is_not_there(tmp_path):
    out = run(
        "import caffe\n"
        "for code in ('import caffe.no_such', 'caffe.SDGSolver'):\n"
        "    try: exec(code)\n"
        "    except Exception as error: print(error); kept = error\n"
        "print(kept.name, kept.obj is caffe)\n",
        tmp_path,
    )
    assert out.splitlines() == [
        "No module named 'caffe.no_such'",
        "module 'caffe' has no attribute 'SDGSolver'",
        "SDGSolver True",  # with which Python finds what is near
    ]


def test_it_wins_over_others_of_that_name(tmp_path):
    (tmp_path / "python" / "caffe").mkdir(parents=True)
    (tmp_path / "python" / "caffe" / "__init__.py").write_text("raise ImportError('the other')")
    run(
        "import sys; sys.path.insert(0, 'python')\nimport caffe, minicaffe\nimport caffe.io\n"
        "assert caffe.Net is minicaffe.Net",
        tmp_path,
    )


def test_it_is_light(tmp_path):
    out = run(
        "import sys, caffe\n"
        "caffe.layers, caffe.Net, caffe.SGDSolver\n"
        "print(*(set(sys.modules) & {'numba', 'cv2', 'lmdb', 'h5py', 'rich', 'scipy', 'cupy'}))",
        tmp_path,
    )
    assert out.split() == []


def test_installed_twice(tmp_path):
    run(
        "install()\nimport sys\nassert sum('alias' in str(f) for f in sys.meta_path) == 1", tmp_path
    )


def test_this_process_has_none_of_it():
    assert "caffe" not in sys.modules
    assert minicaffe.__name__ == "minicaffe"
