"""Layers as functions of others, and the definition that they make.

After: python/caffe/net_spec.py, with the differences that ``minicaffe.net_spec`` names.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from minicaffe.errors import LayerConfigError, NetError, at, locate
from minicaffe.proto.assign import FieldValueError, UnknownFieldError, assign, unknown_field
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter
from minicaffe.proto.origin import keeps_origins

# The types whose parameters are in messages of other types, or of several, in order of search.
OTHER_PARAMS = {
    "CTCLoss": ("ctc_loss", "loss"),
    "CenterLoss": ("center_loss", "loss"),
    "ConvolutionDepthwise": ("convolution",),
    "CtcLoss": ("ctc_loss", "loss"),
    "Deconvolution": ("convolution",),
    "DepthwiseConvolution": ("convolution",),
    "DistillationLoss": ("distillation_loss", "softmax", "loss"),
    "FocalLoss": ("focal_loss", "softmax", "loss"),
    "GRU": ("recurrent",),
    "Im2col": ("convolution",),
    "InfogainLoss": ("infogain_loss", "loss"),
    "KLDivergenceLoss": ("softmax", "loss"),
    "L1Loss": ("loss",),
    "LCCL": ("convolution", "lccl"),
    "LSTM": ("recurrent",),
    "MGU": ("recurrent",),
    "MultiBoxLoss": ("multibox_loss", "loss"),
    "RNN": ("recurrent",),
    "SigmoidCrossEntropyLoss": ("loss",),
    "SmoothL1Loss": ("smooth_l1_loss", "loss"),
    "SoftmaxWithLoss": ("softmax", "loss"),
    "SpatialDropout": ("dropout",),
    "TemperatureSoftmax": ("softmax",),
    "TripletLoss": ("triplet_loss", "loss"),
}
LAYER_FIELDS: Mapping[str, Any] = LayerParameter.DESCRIPTOR.fields_by_name
_OWN_MODULES = ("minicaffe.net_functions", "minicaffe.net_spec", "minicaffe.netspec")
_OPTIONS = ("ntop", "in_place")  # of the call, in no message


def param_name_dict() -> dict[str, str]:
    """Type to parameter, less their endings: ``{"Convolution": "convolution", ...}``."""
    return {
        field.message_type.name.removesuffix("Parameter"): name.removesuffix("_param")
        for name, field in LAYER_FIELDS.items()
        if name.endswith("_param")
    }


PARAM_NAMES = param_name_dict()


def params_of(layer_type: str) -> tuple[str, ...]:
    """The messages whose fields may be given to the type by themselves: "convolution_param"."""
    own = (PARAM_NAMES[layer_type],) if layer_type in PARAM_NAMES else ()
    return tuple(f"{name}_param" for name in OTHER_PARAMS.get(layer_type, own))


def assign_proto(proto: Any, name: str, val: Any) -> None:
    """Set the field ``name`` of ``proto``, as ``minicaffe.proto.assign.assign`` does."""
    assign(proto, name, val)


def to_proto(*tops: Top | Function) -> NetParameter:
    """The definition that makes ``tops``, whose layers are named by their types."""
    return definition_of([top.fn for top in tops], {})


class Top:
    """An output of a layer, to be the input of others.

    Attributes:
        fn: the layer.
        n: which of its outputs, from 0.
    """

    def __init__(self, fn: Function, n: int) -> None:
        self.fn, self.n = fn, n

    def to_proto(self, *others: Top | Function) -> NetParameter:
        """``to_proto`` of it, and of others."""
        return to_proto(self, *others)


class Function:
    """A layer to be: its type, its inputs, and the fields of its definition.

    Attributes:
        type_name: as in a prototxt.
        inputs: what it reads.
        params: the fields, by name.
        ntop: how many outputs it has; with none, it is itself what a NetSpec takes.
        in_place: its outputs are its inputs.
        tops: the outputs.
        also: further layers that come before it.
        origin: FILE:LINE that it was written in.

    Raises:
        TypeError: an input is none.
        UnknownFieldError: ``params`` has a field that the schema has not.
        FieldValueError: a field cannot hold its value.
    """

    also: tuple[Function, ...] = ()

    def __init__(self, type_name: str, inputs: Iterable[Any], params: Mapping[str, Any]) -> None:
        self.type_name, self.inputs = type_name, tuple(inputs)
        for index, each in enumerate(self.inputs):
            if not isinstance(each, Top):
                _refuse_input(type_name, index, each)
        self.params = {name: value for name, value in params.items() if name not in _OPTIONS}
        self.in_place = bool(params.get("in_place", False))
        self.origin = _caller()
        self.ntop = self._checked_ntop(params.get("ntop", 1))
        self.tops = tuple(Top(self, n) for n in range(self.ntop))
        self.definition()

    @property
    def fn(self) -> Function:
        """Itself: a layer without outputs stands for them."""
        return self

    def to_proto(self, *others: Top | Function) -> NetParameter:
        """``to_proto`` of it, and of others."""
        return to_proto(self, *others)

    def definition(self) -> LayerParameter:
        """Its fields, without what comes from the net: bottoms, tops and name.

        Raises:
            UnknownFieldError, FieldValueError: as the class.
        """
        layer = LayerParameter(type=self.type_name)
        for name, value in self.params.items():
            try:
                self._assign(layer, name, value)
            except (UnknownFieldError, FieldValueError) as error:
                _, _, line = self.origin.rpartition(":")
                given = f" {self.params['name']!r}" if "name" in self.params else ""
                where = f"layer{given} ({self.type_name})"
                path = self.origin.removesuffix(f":{line}")
                raise type(error)(
                    f"{where}: {error.args[0]}", path, int(line) if line else None
                ) from None
        return layer

    def update(self, params: Mapping[str, Any]) -> None:
        """Set further fields, or others.

        Raises:
            UnknownFieldError, FieldValueError: as the class; the fields are as they were.
        """
        before, self.params = self.params, {**self.params, **params}
        try:
            self.definition()
        except (UnknownFieldError, FieldValueError):
            self.params = before
            raise

    def emit(self, name: str, bottom: list[str], top: list[str]) -> LayerParameter:
        """The layer's definition in a net; a name or tops among its fields go before these."""
        layer = LayerParameter(name=name, bottom=bottom, top=bottom if self.in_place else top)
        layer.MergeFrom(self.definition())
        return layer

    def _assign(self, layer: LayerParameter, name: str, value: Any) -> None:
        own = params_of(self.type_name)
        for param in own:
            if name in _fields(param):
                assign(getattr(layer, param), name, value)
                return
        if name in LAYER_FIELDS:
            assign(layer, name, value)
            return
        also = [*_OPTIONS, *(field for param in own for field in _fields(param))]
        takes = " or ".join(["LayerParameter", *own])
        raise unknown_field(layer, name, takes, also)

    def _checked_ntop(self, ntop: Any) -> int:
        if not hasattr(ntop, "__index__") or ntop < 0:
            why = f"ntop is {ntop!r}, expected a whole number from 0 up: how many tops there are"
        elif self.in_place and not self.inputs:
            why = "in_place is given without an input, expected one: it is what is worked on"
        else:
            return int(ntop)
        error = LayerConfigError(why)
        locate(error, LayerParameter(type=self.type_name, origin=self.origin), "")
        raise error


def definition_of(functions: Iterable[Function], names: dict[Any, str]) -> NetParameter:
    """The definition of ``functions`` and all that they read; tops in ``names`` have a name."""
    numbers: Counter[str] = Counter()
    taken = set(names.values())
    emitted: dict[Function, LayerParameter] = {}

    def name_of(each: Top | Function) -> str:
        while each not in names:
            numbers[each.fn.type_name] += 1
            name = f"{each.fn.type_name}{numbers[each.fn.type_name]}"
            if name not in taken:
                names[each] = name
        return names[each]

    net = NetParameter()
    for fn in in_order(functions):
        bottom = [emitted[each.fn].top[each.n] for each in fn.inputs]
        top = [] if fn.in_place else [name_of(each) for each in fn.tops]
        emitted[fn] = fn.emit(name_of(fn.tops[0] if fn.tops else fn), bottom, top)
        net.layer.append(emitted[fn])
        if fn.origin and keeps_origins():
            net.layer[-1].origin = fn.origin
    return net


def in_order(functions: Iterable[Function]) -> Iterable[Function]:
    """``functions`` and all that they read, each after what it reads.

    Raises:
        NetError: a layer reads what is made from it.
    """
    done: dict[Function, None] = {}
    for last in functions:
        stack = {last: None}  # in order
        while stack:
            fn = next(reversed(stack))
            needed = (*fn.also, *(each.fn for each in fn.inputs))
            missing = next((each for each in needed if each not in done), None)
            if missing is None:
                del stack[fn]
                done[fn] = None
            elif missing in stack:
                raise NetError(f"{at(fn.origin)}a {fn.type_name} reads what is made from it")
            else:
                stack[missing] = None
    return done


def _refuse_input(type_name: str, index: int, found: Any) -> NoReturn:
    error = TypeError(f"{type_name} input {index} is not a Top (type is {type(found)})")
    if isinstance(found, tuple | list):
        error.add_note(f"several inputs are given one by one: L.{type_name}(*tops)")
    elif isinstance(found, Function):
        error.add_note(f"a {found.type_name} with ntop=0 has no top")
    raise error


def _caller() -> str:
    """FILE:LINE of the code that is being run, outside of the modules of NetSpec."""
    frame = sys._getframe()
    while frame.f_globals.get("__name__") in _OWN_MODULES and frame.f_back:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _fields(param: str) -> Iterable[str]:
    """The fields of the message that a layer's field ``param`` holds."""
    names: Iterable[str] = LAYER_FIELDS[param].message_type.fields_by_name
    return names
