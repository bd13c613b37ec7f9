"""``import minicaffe as caffe``: every name of pycaffe, and nothing loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import minicaffe as caffe

NAMES = [
    *("AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Classifier", "Detector", "Layer"),
    *("NCCL", "NesterovSolver", "Net", "NetSpec", "RMSPropSolver", "SGDSolver", "TEST"),
    *("TRAIN", "Timer", "coord_map", "draw", "get_solver", "has_nccl", "init_log", "io"),
    *("layer_type_list", "layers", "log", "net_spec", "netspec", "params", "proto"),
    *("pycaffe", "set_device", "set_mode_cpu", "set_mode_gpu", "set_multiprocess"),
    *("set_random_seed", "set_solver_count", "set_solver_rank", "solver_count"),
    *("solver_rank", "to_proto", "viz", "__version__"),
]


@pytest.mark.parametrize("name", NAMES)
def test_is_there(name):
    assert name in dir(caffe)
    assert getattr(caffe, name) is getattr(caffe, name)


def test_phases_are_numbers():
    assert (caffe.TRAIN, caffe.TEST) == (0, 1)


def test_what_is_not():
    with pytest.raises(AttributeError, match="no attribute 'Nett'") as caught:
        caffe.Nett  # noqa: B018  # asking is what raises
    assert (caught.value.name, caught.value.obj) == ("Nett", caffe)  # for Python's "did you mean"
    with pytest.raises(AttributeError):
        caffe.pycaffe.net_that_is_not_there  # noqa: B018


def test_classes_are_in_pycaffe_too():
    from minicaffe.pycaffe import Net

    assert Net is caffe.Net


def test_submodules_that_scripts_do_not_import():
    code = "import minicaffe as c; c.proto.caffe_pb2.NetParameter; c.layers; c.io"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_loads_nothing():
    code = (
        "import sys, minicaffe\n"
        "print(*(m for m in sys.modules if m.startswith(('minicaffe.', 'numpy'))))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
