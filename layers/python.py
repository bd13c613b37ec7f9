"""Python: a layer that a user has written."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, did_you_mean
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import LayerParameter
from minicaffe.proto.origin import place
from minicaffe.python_layer import Layer as UserLayer
from minicaffe.python_layers import BUILT_IN
from minicaffe.user_blob import Blob as UserBlob
from minicaffe.user_blob import BlobVec


@register_layer("Python")
class Python(Layer):
    """Whatever the class ``layer`` of the module ``module`` computes.

    The class subclasses ``minicaffe.Layer`` and overrides its setup, reshape, forward and
    backward; its ``reshape`` runs before every forward. To be a loss it needs a ``loss_weight``.

    Shapes:
        bottom[i], top[i]  any: the class's affair, as is working in place
    Blobs: what the class adds to its ``blobs``.
    Definition: ``python_param``. The module is looked for in ``sys.path``, then in the folder of
    the definition and in the working directory, which stay on that path; where it is not found,
    among those of ``minicaffe.python_layers``. ``param_str`` is handed on; ``share_in_parallel``
    is not read.
    After: src/caffe/layers/python_layer.cpp (include/caffe/layers/python_layer.hpp), which finds
    modules on PYTHONPATH alone, and dies of their exceptions.

    Attributes:
        user: the object of that class, from ``setup`` on.
    """

    num_bottom = Arity(0, None)
    num_top = Arity(0, None)
    works_in_place = True
    always_reshape = True
    runs_user_code = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.user = user = _user_class(self.param)(self.param)
        user.param_str = user.param_str_ = self.param.python_param.param_str
        user.phase = self.param.phase
        user.rng = self.device.rng
        user.blobs = BlobVec(weakref.proxy(self))  # not a cycle: a net's memory goes with it
        self._call(user.setup, bottom, top)
        missing = len(self.blobs) - len(self.param_propagate_down)
        self.param_propagate_down += [True] * missing  # of those that the definition gives

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._call(self.user.reshape, bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._call(self.user.forward, bottom, top)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if type(self.user).backward is UserLayer.backward:
            if not any(propagate_down) and not self.blobs:
                return  # a net with force_backward asks every layer
            raise LayerConfigError(
                f"class {type(self.user).__name__} has no backward, expected one: a gradient is "
                "asked of it; without one, write propagate_down: false for each of its bottoms"
            )
        self._call(self.user.backward, top, list(propagate_down), bottom)

    def _call(self, method: Callable[..., None], *args: Sequence[Any]) -> None:
        """``method`` with views in place of blobs; the same view where it is the same blob."""
        views: dict[int, UserBlob] = {}

        def view(value: Any) -> Any:
            if isinstance(value, Blob):
                return views.setdefault(id(value), UserBlob(value))
            return value

        method(*([view(value) for value in arg] for arg in args))
        for each in views.values():
            each.write_back()
        self.user.blobs.write_back()


def _user_class(param: LayerParameter) -> type[UserLayer]:
    """The class that ``param`` names.

    Raises:
        LayerConfigError: it, or its module, is not named, not found, or not a layer.
    """
    name = param.python_param.layer
    for field in ("module", "layer"):
        if not getattr(param.python_param, field):
            raise LayerConfigError(f"{field} is missing, expected the name of a Python {field}")
    try:
        module = _import(param.python_param.module, param.origin)
    except LayerConfigError:
        if (param.python_param.module, name) not in BUILT_IN:
            raise
        module, name = _built_in(param.python_param.module, name)
    found = getattr(module, name, None)
    layers = [key for key, value in vars(module).items() if _is_layer(value)]
    where = f"in module {module.__name__!r} ({getattr(module, '__file__', None) or 'built in'})"
    if found is None:
        raise LayerConfigError(
            f"layer is {name!r}, expected a class {where}: {did_you_mean(name, layers)}"
        )
    if not _is_layer(found):
        raise LayerConfigError(
            f"layer is {name!r}, {where}, expected a subclass of minicaffe.Layer, with a forward "
            f"and a reshape: {did_you_mean(name, layers)}"
        )
    return found  # type: ignore[no-any-return]


@cache
def _built_in(module: str, layer: str) -> tuple[ModuleType, str]:
    """Where minicaffe's own layer of these names is: its module, and its name there."""
    place, _, name = BUILT_IN[module, layer].partition(":")
    glog.info(
        "python_layer.hpp:1", f"There is no module {module!r}: {layer} is minicaffe's own, {place}"
    )
    return import_module(place), name


def _is_layer(value: Any) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, UserLayer)
        and value.forward is not UserLayer.forward
        and value.reshape is not UserLayer.reshape
    )


def _import(name: str, origin: str) -> ModuleType:
    folders = [str(Path.cwd())]
    if origin:
        folders.insert(0, str(Path(place(origin)[0]).resolve().parent))
    sys.path += [folder for folder in dict.fromkeys(folders) if folder not in sys.path]
    invalidate_caches()  # a file written since the last import counts too
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, but lacks one that it imports itself
        raise LayerConfigError(
            f"module is {name!r}, expected one that can be imported: no {error.name!r} in "
            f"{', '.join(folders)}, or on PYTHONPATH ({len(sys.path)} folders in sys.path)"
        ) from error
