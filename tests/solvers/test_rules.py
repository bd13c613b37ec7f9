"""Update rules: against plain float64 loops, and on a problem they must solve."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers import Hyper, Slot, UpdateRule, create_rule, rule_classes
from tests.solvers import plain

FIELDS = {
    "AdaDelta": {"momentum": 0.75, "delta": 1e-3},
    "AdaGrad": {"delta": 1e-3},
    "Adam": {"momentum": 0.75, "momentum2": 0.875, "delta": 1e-3},
    "AdamW": {"momentum": 0.75, "momentum2": 0.875, "delta": 1e-3},
    "LARS": {"momentum": 0.75, "trust_coefficient": 0.125},
    "Nesterov": {"momentum": 0.75},
    "RMSProp": {"rms_decay": 0.875, "delta": 1e-3},
    "SGD": {"momentum": 0.75},
}


def slot_of(device, rule, value, dtype=np.float64):
    blob = Blob(device, np.shape(value), dtype)
    blob.data[...] = device.xp.asarray(np.asarray(value, dtype))
    history = [device.xp.zeros_like(blob.data) for _ in range(rule.num_history)]
    return Slot(blob, history, lr_mult=2.0, decay_mult=3.0)


def test_every_rule_has_fields_and_a_plain_form():
    assert list(FIELDS) == list(plain.RULES) == list(rule_classes())


@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("kind", ["L1", "L2"])
@pytest.mark.parametrize("rule_type", FIELDS)
def test_step(device, rng, rule_type, kind, decay):
    param = SolverParameter(
        type=rule_type, weight_decay=decay, regularization_type=kind, **FIELDS[rule_type]
    )
    rule = create_rule(param, device.xp)
    w = rng.standard_normal((3, 5))
    w[1, 2] = 0
    slot = slot_of(device, rule, w)
    expected = plain.Trainer(param, [w], [slot.lr_mult], [slot.decay_mult])
    for i, g in enumerate(rng.standard_normal((4, 3, 5))):
        slot.blob.diff[...] = device.xp.asarray(g)
        rule.step(slot, Hyper(lr=0.5 / (i + 1), iteration=i, scale=0.125))
        expected.step([0.125 * g], 0.5 / (i + 1))
        for found, array in (("data", expected.weights[0]), ("diff", expected.updates[0])):
            found = device.to_numpy(getattr(slot.blob, found))
            np.testing.assert_allclose(found, array, rtol=1e-10, atol=1e-13)
    for found, array in zip(slot.history, expected.states[0], strict=False):
        np.testing.assert_allclose(device.to_numpy(found), array, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("rule_type", FIELDS)
def test_goes_on_from_an_iteration(device, rng, rule_type):
    """As after a resume: what the rule remembers and the iteration are all it needs."""
    param = SolverParameter(type=rule_type, **FIELDS[rule_type])
    straight, first, second = (create_rule(param, device.xp) for _ in range(3))
    w, gradients = rng.standard_normal((3, 5)), rng.standard_normal((6, 3, 5))
    one, other = slot_of(device, straight, w), slot_of(device, first, w)
    for i, g in enumerate(gradients):
        for rule, slot in ((straight, one), (first if i < 3 else second, other)):
            slot.blob.diff[...] = device.xp.asarray(g)
            rule.step(slot, Hyper(lr=0.5, iteration=i))
    np.testing.assert_array_equal(*(device.to_numpy(s.blob.data) for s in (one, other)))


def test_a_rule_may_override_update_alone(device, rng):
    class Sign(UpdateRule):
        num_history = 0

        def update(self, slot, hyper):
            slot.blob.diff[...] = hyper.lr * slot.lr_mult * self.xp.sign(slot.blob.diff)

    param = SolverParameter(weight_decay=0.5, regularization_type="L1")
    rule = Sign(param, device.xp)
    slot = slot_of(device, rule, [[1.0, -2, 3]])
    slot.blob.diff[...] = device.xp.asarray([[-4.0, 4, 20]])
    rule.step(slot, Hyper(lr=0.25, iteration=0, scale=0.5))
    np.testing.assert_array_equal(device.to_numpy(slot.blob.data), [[1.5, -2.5, 2.5]])
    np.testing.assert_array_equal(device.to_numpy(slot.blob.diff), [[-0.5, 0.5, 0.5]])


def test_a_rule_overrides_one_of_the_two(device):
    rule = UpdateRule(SolverParameter(), device.xp)
    with pytest.raises(NotImplementedError, match="neither update nor step"):
        rule.step(slot_of(device, rule, [1.0]), Hyper(lr=1, iteration=0))


SOLVES = {
    "AdaDelta": (1.0, {"momentum": 0.9, "delta": 1e-3}),
    "AdaGrad": (2.0, {}),
    "Adam": (0.5, {"momentum": 0.9}),
    "AdamW": (0.5, {"momentum": 0.9}),
    "LARS": (0.2, {"momentum": 0.5, "trust_coefficient": 1}),
    "Nesterov": (0.05, {"momentum": 0.5}),
    "RMSProp": (0.2, {"rms_decay": 0.9}),
    "SGD": (0.05, {"momentum": 0.5}),
}


@pytest.mark.parametrize("rule_type", rule_classes())
def test_minimizes_a_parabola(device, rule_type):
    base_lr, fields = SOLVES[rule_type]
    rule = create_rule(SolverParameter(type=rule_type, **fields), device.xp)
    slot = slot_of(device, rule, [-1.0, 10.0, 1.0])
    goal = device.xp.asarray([1.0, -1.0, 1.0])
    for i in range(1000):
        slot.blob.diff[...] = 2 * (slot.blob.data - goal)
        rule.step(slot, Hyper(lr=base_lr * 0.99**i, iteration=i))
    np.testing.assert_allclose(device.to_numpy(slot.blob.data), [1, -1, 1], atol=1e-3)


def test_lars_does_not_see_the_size_of_a_gradient(device, rng):
    w, g = rng.standard_normal((2, 3, 5))
    ends = []
    for size in (1e-3, 1, 1e9):
        rule = create_rule(SolverParameter(type="LARS", trust_coefficient=0.5), device.xp)
        slot = slot_of(device, rule, w)
        slot.blob.diff[...] = device.xp.asarray(size * g)
        rule.step(slot, Hyper(lr=0.1, iteration=0))
        ends.append(device.to_numpy(slot.blob.data))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)
    np.testing.assert_allclose(ends[2], ends[1], rtol=1e-12)
    length = np.linalg.norm(ends[1] - w) / np.linalg.norm(w)
    assert length == pytest.approx(0.1 * 2.0 * 0.5)  # lr, lr_mult, trust


def test_adamw_decays_by_the_rate_of_the_moment(device):
    """Without a gradient Adam's averages stay 0, and w shrinks by exactly lr times the decay."""
    rule = create_rule(SolverParameter(type="AdamW", momentum=0.9, weight_decay=0.5), device.xp)
    slot = slot_of(device, rule, [4.0, -8.0])
    for i, lr in enumerate((0.25, 0.125)):
        slot.blob.diff[...] = 0
        rule.step(slot, Hyper(lr=lr, iteration=i))
    shrunk = (1 - 0.25 * 2 * 0.5 * 3) * (1 - 0.125 * 2 * 0.5 * 3)
    np.testing.assert_allclose(device.to_numpy(slot.blob.data), [4 * shrunk, -8 * shrunk])


def test_unknown_type_names_the_closest():
    with pytest.raises(SolverConfigError, match=r"type is 'SDG', expected one of .*mean 'SGD'"):
        create_rule(SolverParameter(type="SDG"), np)


@pytest.mark.parametrize(
    ("rule_type", "fields", "message"),
    [
        ("AdaGrad", {"momentum": 0.9}, "momentum is 0.9, expected 0 or not given: type is 'AdaGr"),
        ("RMSProp", {"momentum": 0.5}, "momentum is 0.5, expected 0 or not given: type is 'RMSPr"),
        ("RMSProp", {"rms_decay": 1}, "rms_decay is 1, expected >= 0 and < 1: type is 'RMSProp'"),
        ("RMSProp", {"rms_decay": -0.1}, "rms_decay is -0.1, expected >= 0 and < 1"),
        ("RMSProp", {"delta": -1e-8}, "delta is -1e-08, expected >= 0"),
        ("AdaGrad", {"delta": float("nan")}, "delta is nan, expected >= 0"),
        ("AdaDelta", {"momentum": 1}, "momentum is 1, expected >= 0 and < 1: type is 'AdaDelta'"),
        ("AdaDelta", {"delta": -1}, "delta is -1, expected >= 0"),
        ("Adam", {"momentum": 1}, "momentum is 1, expected >= 0 and < 1: type is 'Adam'"),
        ("Adam", {"momentum2": 1}, "momentum2 is 1, expected >= 0 and < 1"),
        ("AdamW", {"momentum2": -0.5}, "momentum2 is -0.5, expected >= 0 and < 1: .*'AdamW'"),
        ("LARS", {"trust_coefficient": 0}, "trust_coefficient is 0, expected > 0: type is 'LARS'"),
        ("SGD", {"momentum": 9}, "momentum is 9, expected from -1 to 1: type is 'SGD'"),
        ("Nesterov", {"momentum": float("inf")}, "momentum is inf, expected from -1 to 1"),
    ],
)
def test_refuses(rule_type, fields, message):
    with pytest.raises(SolverConfigError, match=message):
        create_rule(SolverParameter(type=rule_type, **fields), np)


@pytest.mark.parametrize(
    ("rule_type", "fields"),
    [
        ("AdaGrad", {"momentum": 0}),
        ("RMSProp", {"rms_decay": 0}),
        ("Adam", {"momentum": 0, "momentum2": 0}),
        ("AdaDelta", {"momentum": 0}),
        ("SGD", {"momentum": 1}),
        ("SGD", {"clip_gradients": 1}),
        ("SGD", {"iter_size": 4}),
    ],
)
def test_takes_what_is_odd_but_means_something(rule_type, fields, caplog):
    create_rule(SolverParameter(type=rule_type, **fields), np)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("rule_type", "fields", "message"),
    [
        ("Adam", {}, "momentum is not given, and is 0: type 'Adam' averages over one iter"),
        ("AdamW", {}, "momentum is not given, and is 0: type 'AdamW' averages over one iter"),
        ("AdaDelta", {}, "momentum is not given, and is 0: type 'AdaDelta' averages over one iter"),
        ("AdaGrad", {"delta": 0}, "delta is 0: a weight whose gradient is 0 becomes NaN"),
        (
            "SGD",
            {"clip_gradients": 2, "iter_size": 4},
            "limit of what iter_size 4 passes add up to, not of their mean: of that it is 0.5",
        ),
    ],
)
def test_warns_once(rule_type, fields, message, caplog):
    create_rule(SolverParameter(type=rule_type, **fields), np)
    assert [message in found for found in caplog.messages] == [True]


@pytest.mark.parametrize("rule_type", rule_classes())
def test_docstring_says_what_is_needed(rule_type):
    doc = rule_classes()[rule_type].__doc__ or ""
    assert "History:" in doc
    assert ("After: src/caffe/solvers/" in doc) != ("After: not in Caffe; " in doc)
