"""Numbers that py-faster-rcnn has in its configuration, and a definition in ``param_str``."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from minicaffe import glog
from minicaffe.errors import LayerConfigError, did_you_mean
from minicaffe.python_layers.param_str import mapping, number

Value = float | tuple[float, ...]
Rule = tuple[Callable[[float], bool], str]  # what a number has to fulfil, and that in words

_POSITIVE: Rule = (lambda value: value > 0, "a positive number")
_SHARE: Rule = (lambda value: 0 <= value <= 1, "a number from 0 to 1")
_WHOLE: Rule = (lambda value: value == int(value) and abs(value) < 2**31, "a whole number")
_COUNT: Rule = (lambda value: _WHOLE[0](value) and value > 0, "a whole number from 1 up")
_RULES: dict[str, Rule] = {  # of the other numbers, all that is finite
    "batch_size": _WHOLE,
    "bbox_normalize_stds": _POSITIVE,
    "feat_stride": (lambda value: 0 < value < 2**31, "a positive number of pixels"),
    "fg_fraction": _SHARE,
    "num_classes": _WHOLE,
    "ratios": _POSITIVE,
    "rpn_batchsize": _COUNT,
    "rpn_fg_fraction": _SHARE,
    "rpn_nms_thresh": (lambda value: value >= 0, "0 or more"),
    "rpn_positive_weight": (lambda value: value <= 1, "at most 1"),
    "rpn_post_nms_top_n": _WHOLE,
    "rpn_pre_nms_top_n": _WHOLE,
    "scales": _POSITIVE,
}
_BOX = 4  # numbers, in a tuple that has one for each of a box's


def settings(param_str: str, defaults: dict[str, Value]) -> dict[str, Any]:
    """Each of ``defaults``, or what ``param_str`` says instead; a name it does not know is told.

    Args:
        param_str: of the definition.
        defaults: numbers, True and False, and tuples of numbers.

    Raises:
        LayerConfigError: a value is not of the kind of its default, or makes no sense.
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
        if len(items) != _BOX if len(default) == _BOX else not items:
            allowed = f"{_BOX} numbers" if len(default) == _BOX else "at least one number"
            raise LayerConfigError(f"param_str has {given!r} for {name!r}, expected {allowed}")
        return tuple(_checked(name, number({name: item}, name, 0)) for item in items)
    if isinstance(default, bool) and not isinstance(given, bool):
        raise LayerConfigError(f"param_str has {given!r} for {name!r}, expected True or False")
    value = _checked(name, number(told, name, default))
    return type(default)(value) if value == type(default)(value) else value


def _checked(name: str, value: float) -> float:
    fulfils, words = _RULES.get(name, (isfinite, "a finite number"))
    if not (isfinite(value) and fulfils(value)):
        raise LayerConfigError(f"param_str has {value:g} for {name!r}, expected {words}")
    return value
