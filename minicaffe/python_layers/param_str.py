"""What a definition tells a Python layer in ``param_str``."""

from __future__ import annotations

from typing import Any

import yaml

from minicaffe.errors import LayerConfigError


class _Loader(yaml.SafeLoader):
    """Reads what definitions of py-faster-rcnn have: tuples too."""


def _tuple(loader: _Loader, node: Any) -> tuple[Any, ...]:
    return tuple(loader.construct_sequence(node))


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _tuple)


def mapping(param_str: str) -> dict[str, Any]:
    """The names and values of ``param_str``: a Python dict, JSON or YAML; empty for nothing.

    Raises:
        LayerConfigError: it is none of them.
    """
    try:
        found = yaml.load(param_str, _Loader)  # as safe as the one it is made of
    except yaml.YAMLError as error:
        raise _refusal(param_str) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _refusal(param_str)
    return {str(name): value for name, value in found.items()}


def number(told: dict[str, Any], name: str, default: float) -> float:
    """The number ``name`` of ``told``, which may be written as text.

    Raises:
        LayerConfigError: it is no number.
    """
    value = told.get(name, default)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise LayerConfigError(
            f"param_str has {value!r} for {name!r}, expected a number"
        ) from error


def _refusal(param_str: str) -> LayerConfigError:
    return LayerConfigError(
        f"param_str is {param_str!r}, expected names and values, as in {{'p': 0.1}}"
    )
