"""The registry of update rules: a solver's ``type`` to a class."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TypeVar

import minicaffe.solvers
from minicaffe.errors import SolverConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers.rule import UpdateRule

_CLASSES: dict[str, type[UpdateRule]] = {}
R = TypeVar("R", bound=type[UpdateRule])


def register_rule(rule_type: str) -> Callable[[R], R]:
    """Class decorator: make the class the one that ``type: "rule_type"`` names."""

    def register(cls: R) -> R:
        if rule_type in _CLASSES:
            raise ValueError(f"two rules of type {rule_type!r}: {_CLASSES[rule_type]} and {cls}")
        cls.type = rule_type
        _CLASSES[rule_type] = cls
        return cls

    return register


@cache
def _import_rule_modules() -> None:
    for module in pkgutil.iter_modules(minicaffe.solvers.__path__, "minicaffe.solvers."):
        import_module(module.name)


def rule_classes() -> dict[str, type[UpdateRule]]:
    """Type to class, for every registered type, sorted by type."""
    _import_rule_modules()
    return dict(sorted(_CLASSES.items()))


def create_rule(param: SolverParameter, xp: ModuleType) -> UpdateRule:
    """The rule that ``param.type`` names.

    Raises:
        SolverConfigError: there is no such rule, or ``param`` does not suit it.
    """
    classes = rule_classes()
    if param.type not in classes:
        raise SolverConfigError(
            f"type is {param.type!r}, expected one of {', '.join(classes)}; "
            f"{did_you_mean(param.type, classes)}"
        )
    return classes[param.type](param, xp)
