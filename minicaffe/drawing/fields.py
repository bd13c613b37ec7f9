"""Key fields: what of a layer's definition is worth a line in its box."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from minicaffe.proto.minicaffe_pb2 import LayerParameter

MOST = 6  # texts in a box
_WINDOW = {"kernel": "kernel_size", "stride": "stride", "pad": "pad", "dilation": "dilation"}
_USUAL = {("stride", "1"), ("pad", "0"), ("dilation", "1"), ("group", "1")}
_METHODS = {"Pooling": ("pooling_param", "pool"), "Eltwise": ("eltwise_param", "operation")}
_FIRST = ("batch_size", "num_output", "operation", "pool", "kernel", "stride", "pad", "dilation",
          "group")  # fmt: skip
_NOT_SHOWN = ("include", "exclude", "param", "blobs", "loss_param")
_LONGEST = 34  # characters of a value


def key_fields(layer: LayerParameter) -> list[str]:
    """The fields that tell ``layer`` from others of its type, as ``name value``.

    Those of a window are one each, as papers write them: ``kernel 3x3``. Left out are fillers, and
    what is not set or set to what it would be without; the HTML picture shows them.
    """
    found: dict[str, str] = {}
    if layer.type in _METHODS:
        message, name = _METHODS[layer.type]
        field = getattr(layer, message).DESCRIPTOR.fields_by_name[name]
        found[name] = _text(field, getattr(getattr(layer, message), name))
    for field, value in layer.ListFields():
        if field.type == field.TYPE_MESSAGE and field.name not in _NOT_SHOWN:
            for message in value if field.is_repeated else [value]:
                found.update(_fields(message))
    order = [name for name in _FIRST if name in found]
    order += [name for name in found if name not in order]
    return [f"{name} {found[name]}" for name in order[:MOST]]


def multipliers(layer: LayerParameter) -> str:
    """``lr_mult 1, 2``: how fast each parameter learns; nothing where the definition is silent."""
    rates = ", ".join(f"{param.lr_mult:g}" for param in layer.param)
    return f"lr_mult {rates}" if rates else ""


def _fields(message: Message) -> dict[str, str]:
    """The fields of ``message`` that say something, and are no messages; a window's are joined."""
    given = {field.name: value for field, value in message.ListFields()}
    result = {}
    for short, name in _WINDOW.items():
        if value := _window(given, short, name):
            result[short] = value
    for field, value in message.ListFields():
        if field.name not in given:  # part of a window
            continue
        if field.type != field.TYPE_MESSAGE:
            if field.is_repeated or value != field.default_value or not field.has_default_value:
                values = value if field.is_repeated else [value]
                result[field.name] = _end(", ".join(_text(field, each) for each in values))
        elif field.name == "shape":
            shapes = value if field.is_repeated else [value]
            result["shape"] = _end(", ".join("x".join(map(str, s.dim)) for s in shapes))
    return {name: text for name, text in result.items() if (name, text) not in _USUAL}


def _window(given: dict[str, Any], short: str, name: str) -> str:
    """``3x3`` of ``kernel_size`` or ``kernel_h`` and ``kernel_w``; takes them out of ``given``."""
    one, height, width = (given.get(key) for key in (name, f"{short}_h", f"{short}_w"))
    sizes = [height or 0, width or 0] if height or width else one
    sizes = [sizes] if isinstance(sizes, int) else list(sizes or ())
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return ""
    for key in (name, f"{short}_h", f"{short}_w"):
        given.pop(key, None)
    return "x".join(map(str, sizes * 2 if len(sizes) == 1 and short == "kernel" else sizes))


def _text(field: Any, value: Any) -> str:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _end(text: str) -> str:
    """The end of a long text: of a path, it says most."""
    return text if len(text) <= _LONGEST else "..." + text[-_LONGEST + 3 :]
