"""Solvers: how a net's parameters change, and when."""

from minicaffe.solvers.lr_policy import check_policy, current_step, learning_rate
from minicaffe.solvers.registry import create_rule, register_rule, rule_classes
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule

__all__ = [
    "Hyper",
    "Slot",
    "UpdateRule",
    "check_policy",
    "create_rule",
    "current_step",
    "learning_rate",
    "register_rule",
    "rule_classes",
]
