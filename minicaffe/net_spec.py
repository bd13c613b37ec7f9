"""Definitions of nets, written in Python.

    from minicaffe import NetSpec, layers as L, params as P

    n = NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 227, 227]))
    n.conv1 = L.Convolution(n.data, num_output=96, kernel_size=11, stride=4)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    print(n.to_proto())

After: python/caffe/net_spec.py. Differences: a field that does not exist is refused where the
layer is written, not when the definition is asked for; fields of ``convolution_param`` may be
given to Deconvolution and Im2col by themselves too, those of ``recurrent_param`` to LSTM and RNN,
those of ``softmax_param`` and ``loss_param`` to the losses that have them; tuples, arrays and
messages may be given, None for a field that is to stay unset, enums by name; an automatic name is
none that has been given; nets of any depth work.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from minicaffe.errors import UnknownBlobError, did_you_mean
from minicaffe.net_functions import (
    LAYER_FIELDS,
    OTHER_PARAMS,
    PARAM_NAMES,
    Function,
    Top,
    assign_proto,
    definition_of,
    param_name_dict,
    params_of,
    to_proto,
)
from minicaffe.proto import minicaffe_pb2
from minicaffe.proto.help import message_help
from minicaffe.proto.minicaffe_pb2 import NetParameter

__all__ = [
    "Function",
    "Layers",
    "NetSpec",
    "Parameters",
    "Top",
    "UnknownTopError",
    "assign_proto",
    "layers",
    "param_name_dict",
    "params",
    "to_proto",
]


class UnknownTopError(UnknownBlobError, AttributeError, KeyError):
    """A NetSpec has no top of that name; a KeyError, and an AttributeError, too."""

    __str__ = Exception.__str__  # a KeyError would quote it


class NetSpec:
    """A definition in the making: its tops, by name, as attributes or as items.

    A layer has the name of its first top. In the definition layers come in the order of their
    tops here, each after those that it reads.

    Attributes:
        tops: the tops, and the layers that have none.
    """

    tops: dict[str, Top | Function]

    def __init__(self) -> None:
        object.__setattr__(self, "tops", {})

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self[name] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "tops":  # asked for by copy and pickle
            raise AttributeError(f"a NetSpec has no {name}")
        return self[name]

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __setitem__(self, name: str, value: Top | Function) -> None:
        if not isinstance(value, Top | Function):
            found = f"{name} is {type(value).__name__}, expected a top of a layer"
            several = "; it has several: n.a, n.b = L.Data(ntop=2)"
            raise TypeError(found + (several if isinstance(value, tuple) else ""))
        self.tops[name] = value

    def __getitem__(self, name: str) -> Any:
        self._check(name)
        return self.tops[name]

    def __delitem__(self, name: str) -> None:
        self._check(name)
        del self.tops[name]

    def __contains__(self, name: object) -> bool:
        return name in self.tops

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self.tops]

    def keys(self) -> list[str]:
        """The names."""
        return list(self.tops)

    def vals(self) -> list[Top | Function]:
        """The tops."""
        return list(self.tops.values())

    def update(self, name: str, params: Mapping[str, Any]) -> None:
        """Set fields of the layer that makes the top ``name``."""
        self[name].fn.update(params)

    def to_proto(self) -> NetParameter:
        """The definition."""
        functions = [top.fn for top in self.tops.values()]
        return definition_of(functions, {top: name for name, top in self.tops.items()})

    def _check(self, name: str) -> None:
        if name not in self.tops:
            raise UnknownTopError(f"there is no top {name!r}: {did_you_mean(name, self.tops)}")


class LayerType:
    """What makes layers of one type: ``L.Convolution(n.data, num_output=20)``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        """A layer of the type: its top, a tuple of them, or itself where it has none."""
        fn = Function(self.__name__, inputs, params)
        if fn.ntop == 1:
            return fn.tops[0]
        return fn.tops or fn

    def __repr__(self) -> str:
        return f"L.{self.__name__}"

    @property
    def __doc__(self) -> str:  # type: ignore[override]  # computed: few are ever read
        return _doc(self.__name__)


class Layers:
    """``L``: for each layer type what makes such layers, whether the schema knows it or not."""

    def __getattr__(self, name: str) -> LayerType:
        if name.startswith("_"):
            raise AttributeError(f"no layer type is called {name}")
        return LayerType(name)

    def __dir__(self) -> Iterable[str]:
        return sorted({*PARAM_NAMES, *OTHER_PARAMS})


class Parameters:
    """``P``: the values of enums, as ``P.Pooling.MAX``."""

    def __getattr__(self, name: str) -> Any:
        if name in _messages():
            return Param(getattr(minicaffe_pb2, f"{name}Parameter"))
        raise AttributeError(f"there is no {name}Parameter: {did_you_mean(name, _messages())}")

    def __dir__(self) -> Iterable[str]:
        return _messages()


class Param:
    """The values of the enums of a message, as attributes."""

    def __init__(self, message: Any) -> None:
        self._message = message

    def __getattr__(self, name: str) -> Any:
        values = dir(self)
        if name not in values and not hasattr(self._message, name):
            hint = did_you_mean(name, values)
            raise AttributeError(f"{self._message.__name__} has no value {name}: {hint}")
        return getattr(self._message, name)

    def __dir__(self) -> Iterable[str]:
        enums = self._message.DESCRIPTOR.enum_types
        return [value.name for enum in enums for value in enum.values]


layers = Layers()
params = Parameters()


@functools.cache
def _messages() -> list[str]:
    names = minicaffe_pb2.DESCRIPTOR.message_types_by_name
    return sorted(name.removesuffix("Parameter") for name in names if name.endswith("Parameter"))


@functools.cache
def _doc(layer_type: str) -> str:
    """What may be given to a layer of the type, with the comments of the schema."""
    lines = [f"A layer of the type {layer_type}.", ""]
    lines += ["Args:", "    *inputs: the tops that it reads.", "    ntop: how many tops it has."]
    lines += ["    in_place: its tops are its inputs."]
    for param in params_of(layer_type):
        message = LAYER_FIELDS[param].message_type
        for field in message_help(message.name).fields:
            default = f" Default: {field.default}." if field.default else ""
            lines.append(f"    {field.name}: {field.comment}{default}")
    for field in message_help("LayerParameter").fields:
        if not field.name.endswith("_param") and field.name not in ("type", "bottom", "origin"):
            lines.append(f"    {field.name}: {field.comment}")
    return "\n".join(lines) + "\n"
