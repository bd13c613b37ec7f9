"""Numbers that py-faster-rcnn has in its configuration, and a definition in ``param_str``."""

from __future__ import annotations

from typing import Any

from minicaffe import glog
from minicaffe.errors import LayerConfigError, did_you_mean
from minicaffe.python_layers.param_str import mapping, number

Value = float | tuple[float, ...]


def settings(param_str: str, defaults: dict[str, Value]) -> dict[str, Any]:
    """Each of ``defaults``, or what ``param_str`` says instead; a name it does not know is told.

    Args:
        param_str: of the definition.
        defaults: numbers, True and False, and tuples of numbers.

    Raises:
        LayerConfigError: a value is not of the kind of its default.
    """
    told = mapping(param_str)
    for name in told.keys() - defaults.keys():
        glog.warning(
            "python_layer.hpp:1",
            f"param_str has {name!r}, which is not followed: {did_you_mean(name, defaults)}",
        )
    return {name: _value(told, name, default) for name, default in defaults.items()}


def _value(told: dict[str, Any], name: str, default: Value) -> Value:
    given = told.get(name, default)
    if isinstance(default, tuple):
        items = given if isinstance(given, list | tuple) else [given]
        return tuple(number({name: item}, name, 0) for item in items)
    if isinstance(default, bool) and not isinstance(given, bool):
        raise LayerConfigError(f"param_str has {given!r} for {name!r}, expected True or False")
    value = number(told, name, default)
    return type(default)(value) if value == type(default)(value) else value
