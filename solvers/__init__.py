"""Solvers: how a net's parameters change, and when."""

from minicaffe.solvers.lr_policy import check_policy, learning_rate, next_step
from minicaffe.solvers.registry import create_rule, register_rule, rule_classes
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule

__all__ = [
    "Hyper",
    "Slot",
    "UpdateRule",
    "check_policy",
    "create_rule",
    "learning_rate",
    "next_step",
    "register_rule",
    "rule_classes",
]
