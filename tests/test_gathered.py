"""Parameters side by side: fewer launches, and every number as before. On the stand-in for CuPy."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.device import cpu
from minicaffe.ops.dispatch import reference_bodies
from minicaffe.solvers import rule_classes
from tests import fake_cuda
from tests.test_training_step import SGD, are_recorded, solver_of
from tests.test_transfers import NETS, make


@pytest.fixture(autouse=True)
def _reference():
    with reference_bodies():  # kernels round otherwise, which some rules make much of
        yield


SHARED = (
    NETS["norm"]
    + """
layer { name: "one" type: "InnerProduct" bottom: "x" top: "y1"
  param { name: "w" } param { name: "b" decay_mult: 0 }
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "two" type: "InnerProduct" bottom: "x" top: "y2"
  param { name: "w" } param { name: "b" decay_mult: 0 }
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "sum" type: "Eltwise" bottom: "y1" bottom: "y2" top: "y3" }
layer { name: "more" type: "SoftmaxWithLoss" bottom: "y3" bottom: "t" top: "more" }
"""
)


def test_one_launch_clears_all_gradients(monkeypatch):
    solver = solver_of(True, SHARED, SGD, monkeypatch)
    solver.step(2)
    learned = [param.blob for param in solver.net.params if param.lr_mult]
    fixed = [param.blob for param in solver.net.params if not param.lr_mult]
    assert all(blob.diff.get().any() for blob in learned)
    assert not any(blob.has_diff for blob in fixed)
    with fake_cuda.counted() as counts:
        solver._step.clear()
    assert counts.launches == 1
    for blob in (*learned, *fixed):
        assert not blob.diff.get().any()
        blob.diff[...] = 2
    learned[0].share_diff(Blob(solver.device, learned[0].shape))
    learned[0].diff[...] = 3
    solver._step.clear()
    assert not any(blob.diff.get().any() for blob in (*learned, *fixed))


@pytest.mark.parametrize("rule", sorted(rule_classes()))
@pytest.mark.parametrize("more", ["", "clip_gradients: 0.3"])
def test_the_steps_are_those_of_the_cpu(rule, more, monkeypatch):
    """Where nothing is done for what never changes: BatchNorm's statistics."""
    momentum = "" if rule in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    text = f'type: "{rule}" {momentum} delta: 1e-3 {more}'
    solvers = [solver_of(True, SHARED, text, monkeypatch), make(SHARED, text, cpu())]
    for solver in solvers:
        solver.step(5)
    assert_near(*solvers)


def assert_near(*solvers):
    host = [solver.device.to_numpy for solver in solvers]
    for params in zip(*(solver.net.params for solver in solvers), strict=True):
        for which in ("data", "diff"):
            one, other = (to(getattr(p.blob, which)) for to, p in zip(host, params, strict=True))
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6, err_msg=params[0].layer)


def steps_of(solver, monkeypatch):
    """How many parameters, of those that rule steps take, each in one; of one iteration."""
    seen = []
    step = type(solver.rule).step

    def watch(self, slot, hyper):
        seen.append(slot.blob.count)
        step(self, slot, hyper)

    with monkeypatch.context() as patched:
        patched.setattr(type(solver.rule), "step", watch)
        solver.step(1)
    return seen


def test_parameters_with_the_same_factors_are_updated_as_one(monkeypatch):
    solver = solver_of(False, SHARED, SGD, monkeypatch)
    learned = [param for param in solver.net.params if param.lr_mult]
    found = steps_of(solver, monkeypatch)
    assert len(found) == len({(param.lr_mult, param.decay_mult) for param in learned}) == 2
    assert sum(found) >= sum(param.blob.count for param in learned)
    solver = solver_of(False, SHARED, 'type: "LARS"', monkeypatch)  # whose norms are of each alone
    found = steps_of(solver, monkeypatch)
    assert found == [param.blob.count for param in learned]


def test_their_norm_is_taken_as_of_one(monkeypatch):
    counts = []
    for text in (SGD, f"{SGD} clip_gradients: 0.3"):
        solver = solver_of(False, SHARED, text, monkeypatch)
        solver.step(2)
        solver.net.forward()
        solver.net.backward()
        with fake_cuda.counted() as launched:
            solver.apply_update()
        counts.append(launched.launches)
    assert counts[1] - counts[0] < 15 < 2 * len(solver.slots)


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("change", ["memory", "lr_mult", "history"])
def test_one_that_goes_its_own_way(change, recorded, monkeypatch):
    solvers = solver_of(recorded, SHARED, SGD, monkeypatch), make(SHARED, SGD, cpu())
    for solver in solvers:
        solver.step(4)
        slot = solver.slots[0]
        if change == "lr_mult":
            slot.lr_mult = 0.1
        elif change == "memory":
            slot.blob.set_data(slot.blob.data * 2)
        else:
            slot.history[0] = slot.history[0] * 3
        solver.step(4)
    assert_near(*solvers)
    assert are_recorded(solvers[0])[1] == recorded
    if not recorded:
        assert solvers[0].slots[0].blob.count in steps_of(solvers[0], monkeypatch)
