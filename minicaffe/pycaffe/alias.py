"""The name ``caffe``, under which scripts for pycaffe import what is here.

``caffe`` is a module of its own, of version 1.0.0; ``caffe.io`` and its other submodules are those
of ``minicaffe`` themselves, and so are the classes and functions. ``caffe.layers`` is what a
NetSpec is made with, and nothing else.

After: python/caffe/__init__.py.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import minicaffe

__all__ = ["VERSION", "install"]

VERSION = "1.0.0"
_PREFIX = "caffe."
_SUBMODULES = (
    *("_caffe", "classifier", "coord_map", "detector", "draw"),
    *("io", "net_spec", "proto", "pycaffe"),
)
_ELSEWHERE = {"_caffe": "pycaffe"}  # submodules that have another name here
_OF_NET_SPEC = ("NetSpec", "layers", "params", "to_proto")
_OBJECTS = ("layers", "params")  # no modules, though some scripts import them as such
# What ``from caffe import *`` gives.
_PUBLIC = [
    *("AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Classifier", "Detector", "Layer", "NCCL"),
    *("NesterovSolver", "Net", "NetSpec", "RMSPropSolver", "SGDSolver", "TEST", "TRAIN", "Timer"),
    *("classifier", "detector", "get_solver", "has_nccl", "init_log", "io", "layer_type_list"),
    *("layers", "log", "net_spec", "params", "proto", "pycaffe", "set_device", "set_mode_cpu"),
    *("set_mode_gpu", "set_multiprocess", "set_random_seed", "set_solver_count"),
    *("set_solver_rank", "solver_count", "solver_rank", "to_proto"),
]


class _Caffe(ModuleType):
    """The module itself: what ``minicaffe`` has, looked up when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name in _OF_NET_SPEC:
            return getattr(importlib.import_module("minicaffe.net_spec"), name)
        if name in _SUBMODULES:
            return importlib.import_module(f"{_PREFIX}{name}")
        try:
            return getattr(minicaffe, name)
        except AttributeError as error:
            why = str(error).replace("'minicaffe'", "'caffe'")
            raise AttributeError(why, name=name, obj=self) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_PUBLIC, *_SUBMODULES})


class _Finder(MetaPathFinder, Loader):
    """Finds ``caffe`` and ``caffe.X`` before any folder is looked into."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to import ``fullname``; None for what is no part of ``caffe``."""
        if fullname == "caffe":
            return ModuleSpec(fullname, self, origin=minicaffe.__file__, is_package=True)
        if fullname.startswith(_PREFIX) and _find(fullname) is not None:
            return ModuleSpec(fullname, self)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """``caffe``; for any other one an empty module, whose place is taken below."""
        if spec.name != "caffe":
            return ModuleType(spec.name)
        module = _Caffe(spec.name, minicaffe.__doc__)
        module.__dict__.update(__file__=minicaffe.__file__, __version__=VERSION, __all__=_PUBLIC)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that is meant, which knows nothing of it, under the name."""
        if module.__name__ != "caffe":
            sys.modules[module.__name__] = _find(module.__name__)


def install() -> None:
    """Let ``import caffe`` find minicaffe from now on, here and in processes started from here."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    if (folder := str(Path(__file__).parent / "child")) not in sys.path:
        sys.path.append(folder)


def _find(fullname: str) -> Any:
    """The module, or the object of net_spec, that ``fullname`` means; None: there is none."""
    rest = fullname.removeprefix(_PREFIX)
    if rest in _OBJECTS:
        return getattr(importlib.import_module("minicaffe.net_spec"), rest)
    name = f"minicaffe.{_ELSEWHERE.get(rest, rest)}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, but lacks one that it imports itself
        return None
