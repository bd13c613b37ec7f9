"""Update rules: against the published formula, step by step, and on a problem they must solve."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers import Hyper, Slot, create_rule, rule_classes
from minicaffe.solvers.rule import UpdateRule


def slot_of(device, rule, value):
    blob = Blob(device, np.shape(value), np.float64)
    blob.data[...] = device.xp.asarray(value)
    history = [device.xp.zeros_like(blob.data) for _ in range(rule.num_history)]
    return Slot(blob, history, lr_mult=2.0, decay_mult=3.0)


def sgd(gradients, lr, m):
    v = np.zeros_like(gradients[0])
    for g in gradients:
        v = m * v + lr * g
        yield v


def nesterov(gradients, lr, m):
    v = np.zeros_like(gradients[0])
    for g in gradients:
        before, v = v, m * v + lr * g
        yield (1 + m) * v - m * before


FORMULAS = {"SGD": sgd, "Nesterov": nesterov}


def test_every_rule_has_a_formula_here():
    assert set(FORMULAS) == set(rule_classes())


@pytest.mark.parametrize("rule_type", FORMULAS)
def test_matches_formula(device, rng, rule_type):
    gradients = rng.standard_normal((4, 3, 5))
    rule = rule_classes()[rule_type](SolverParameter(momentum=0.75), device.xp)
    slot = slot_of(device, rule, np.zeros((3, 5)))
    expected = FORMULAS[rule_type](gradients, lr=0.5 * slot.lr_mult, m=0.75)
    for i, update in enumerate(expected):
        slot.blob.diff[...] = device.xp.asarray(gradients[i])
        rule.update(slot, Hyper(lr=0.5, iteration=i))
        np.testing.assert_allclose(device.to_numpy(slot.blob.diff), update, rtol=1e-12)


@pytest.mark.parametrize("rule_type", FORMULAS)
@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_step_scales_regularizes_updates_and_subtracts(device, rng, rule_type, kind):
    param = SolverParameter(momentum=0.5, weight_decay=0.25, regularization_type=kind)
    rule = rule_classes()[rule_type](param, device.xp)
    w, gradients = rng.standard_normal((3, 5)), rng.standard_normal((3, 3, 5))
    slot = slot_of(device, rule, w)
    history = np.zeros_like(w)
    for g in gradients:
        pull = w if kind == "L2" else np.sign(w)
        g = 0.125 * g + 0.25 * slot.decay_mult * pull
        before, history = history, 0.5 * history + 0.5 * slot.lr_mult * g
        update = history if rule_type == "SGD" else 1.5 * history - 0.5 * before
        w = w - update
        slot.blob.diff[...] = device.xp.asarray((g - 0.25 * slot.decay_mult * pull) / 0.125)
        rule.step(slot, Hyper(lr=0.5, iteration=0, scale=0.125))
        np.testing.assert_allclose(device.to_numpy(slot.blob.data), w, rtol=1e-10)
        np.testing.assert_allclose(device.to_numpy(slot.blob.diff), update, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rule_type", FORMULAS)
@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_a_kernel_of_its_own_does_the_same_step(device, rng, rule_type, kind):
    param = SolverParameter(momentum=0.5, weight_decay=0.25, regularization_type=kind)
    rule = rule_classes()[rule_type](param, device.xp)
    w = rng.standard_normal((3, 5))
    own, plain = slot_of(device, rule, w), slot_of(device, rule, w)
    for g in rng.standard_normal((3, 3, 5)):
        for slot, step in ((own, type(rule).step), (plain, UpdateRule.step)):
            slot.blob.diff[...] = device.xp.asarray(g)
            step(rule, slot, Hyper(lr=0.5, iteration=0, scale=0.125))
        for kind_of in ("data", "diff"):
            found, expected = (device.to_numpy(getattr(s.blob, kind_of)) for s in (own, plain))
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule_type", rule_classes())
def test_minimizes_a_parabola(device, rule_type):
    rule = rule_classes()[rule_type](SolverParameter(momentum=0.5), device.xp)
    slot = slot_of(device, rule, [-1.0, 10.0, 1.0])
    goal = device.xp.asarray([1.0, -1.0, 1.0])
    for i in range(500):
        slot.blob.diff[...] = 2 * (slot.blob.data - goal)
        rule.step(slot, Hyper(lr=0.05, iteration=i))
    np.testing.assert_allclose(device.to_numpy(slot.blob.data), [1, -1, 1], atol=1e-3)


def test_unknown_type_names_the_closest():
    with pytest.raises(SolverConfigError, match=r"type is 'SDG', expected one of .*mean 'SGD'"):
        create_rule(SolverParameter(type="SDG"), np)


@pytest.mark.parametrize("rule_type", rule_classes())
def test_docstring_says_what_is_needed(rule_type):
    doc = rule_classes()[rule_type].__doc__ or ""
    assert "History:" in doc
    assert "After: src/caffe/solvers/" in doc
