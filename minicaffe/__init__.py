"""minicaffe: declarative training from prototxt files, on numpy or CuPy.

``import minicaffe as caffe`` gives a script what it knows from pycaffe: ``Net``, ``SGDSolver``,
``NetSpec``, ``layers``, ``params``, ``io``, ``set_mode_cpu`` and so on; ``minicaffe.Layer`` is what
a layer written in Python subclasses. Each is loaded when it is first asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

TRAIN, TEST = 0, 1

_NAMES = {
    "minicaffe.classifier": ["Classifier"],
    "minicaffe.detector": ["Detector"],
    "minicaffe.net_spec": ["params", "to_proto"],
    "minicaffe.netspec": ["NetSpec"],
    "minicaffe.pycaffe.layer": ["layer_type_list"],
    "minicaffe.pycaffe.log": ["init_log", "log"],
    "minicaffe.pycaffe.mode": [
        *("has_nccl", "set_device", "set_mode_cpu", "set_mode_gpu", "set_multiprocess"),
        *("set_random_seed", "set_solver_count", "set_solver_rank", "solver_count", "solver_rank"),
    ],
    "minicaffe.pycaffe.nccl": ["NCCL"],
    "minicaffe.pycaffe.net": ["Net"],
    "minicaffe.pycaffe.solver": [
        *("AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "NesterovSolver", "RMSPropSolver"),
        *("SGDSolver", "get_solver"),
    ],
    "minicaffe.pycaffe.timer": ["Timer"],
    "minicaffe.python_layer": ["Layer"],
}
_MODULES = (
    *("classifier", "coord_map", "detector", "draw", "io", "layers", "net_spec", "netspec"),
    *("proto", "pycaffe", "viz"),
)
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Names that would make importing the package heavy, when they are first asked for."""
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        return import_module(f"minicaffe.{name}")
    else:
        why = f"module 'minicaffe' has no attribute {name!r}"
        raise AttributeError(why, name=name, obj=sys.modules[__name__])  # Python adds what is near
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
