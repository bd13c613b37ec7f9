"""Watched test outputs. A script of labels makes the values: a test reads the next one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.errors import SolverConfigError, WeightsError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Action, Callback, Solver
from minicaffe.watch import Watched, Watcher
from tests.data.databases import datum, make_lmdb

NET = """
name: "watched"
layer { name: "data" type: "DummyData" top: "x" include { phase: TRAIN } dummy_data_param {
  shape { dim: 3 dim: 4 } data_filler { type: "gaussian" } } }
layer { name: "data" type: "Data" top: "x" top: "label" include { phase: TEST }
  data_param { source: "%s" batch_size: 1 backend: LMDB } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "Reduction" bottom: "y" top: "loss" loss_weight: 1
  reduction_param { operation: SUMSQ } include { phase: TRAIN } }
layer { name: "quiet" type: "Silence" bottom: "y" include { phase: TEST not_stage: "plain" } }
layer { name: "cost" type: "Power" bottom: "label" top: "cost" loss_weight: 0.5
  include { phase: TEST not_stage: "plain" } }
layer { name: "score" type: "Power" bottom: "label" top: "score" include { phase: TEST }
  power_param { scale: 0.1 } }
layer { name: "log" type: "Log" bottom: "label" top: "log" include { phase: TEST stage: "log" } }
"""
BASE = """
base_lr: 0.02 momentum: 0.5 lr_policy: "fixed" max_iter: 8 random_seed: 7
test_iter: 1 test_interval: 1 snapshot_after_train: false
"""
PLATEAU = 'lr_policy: "plateau" gamma: 0.5 plateau_patience: 2 plateau_output: "score" '


class Rates(Callback):
    """The rate of each iteration."""

    def __init__(self, solver):
        self.values = []
        solver.callbacks.append(self)

    def on_gradients_ready(self, solver):
        self.values.append(solver.lr)


@pytest.fixture
def make(tmp_path):
    """Makes solvers: ``make(fields, labels)``, closed at the end."""
    made = []

    def build(text="", labels=range(8)):
        source = tmp_path / "".join(map(str, labels))
        if not source.exists():
            make_lmdb(source, [datum(np.zeros((1, 1, 4), np.uint8), label) for label in labels])
        param = text_format.Merge(text, text_format.Parse(BASE, SolverParameter()))
        text_format.Parse(NET % source, param.net_param)
        param.snapshot_prefix = str(tmp_path / "run")
        made.append(Solver(param, cpu()))
        return made[-1]

    yield build
    for solver in made:
        solver.close()


def weights(solver):
    return [param.blob.data.copy() for param in solver.net.params]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def iterations(caplog):
    """The messages of the loop, without speeds and file names."""
    found = [re.sub(r" \(.*iters\)", "", m) for m in caplog.messages]
    return [m for m in found if re.match(r"Iteration|    T|Optim", m)]


def watched_lines(caplog):
    return [m for m in caplog.messages if re.match(r"Iteration \d+: ", m)]


def test_plateau_steps_down_and_counts_again(make, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(PLATEAU, [5, 5, 4, 6, 6, 1, 1, 1])
    rates = Rates(solver)
    solver.step(8)
    assert rates.values == pytest.approx([0.02, 0.02, 0.01, 0.01, 0.01, 0.005, 0.005, 0.0025])
    assert solver.current_step == 3
    reason = "score has not become better than"
    assert watched_lines(caplog) == [
        f"Iteration {n}: {reason} {best} in 2 test(s), lr_policy plateau: lr = {lr}"
        for n, best, lr in (
            (2, "0.5, of iteration 0,", 0.01),
            (5, "0.6, of iteration 3,", 0.005),
            (7, "0.6, of iteration 3,", 0.0025),
        )
    ]
    log = iterations(caplog)
    where = log.index(watched_lines(caplog)[0])
    assert log[where - 1].startswith("    Test net output #1: score = 0.4")


def test_plateau_goes_by_the_tests_loss_unless_told_otherwise(make, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(PLATEAU + 'plateau_output: "" plateau_patience: 1', [5, 4, 3, 4, 3, 2, 1, 1])
    rates = Rates(solver)
    solver.step(8)
    assert np.flatnonzero(np.diff(rates.values)).tolist() == [2, 3, 6]
    start = "Iteration 3: test loss has not become better than 1.5, of iteration 2, in 1 test(s)"
    assert watched_lines(caplog)[0].startswith(start)


def test_plateau_stops_at_the_lowest_rate(make, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(PLATEAU + "min_lr: 0.008 plateau_patience: 1", [0])
    rates = Rates(solver)
    solver.step(6)
    assert rates.values == pytest.approx([0.02, 0.01, 0.008, 0.008, 0.008, 0.008])
    assert [m.split(" = ")[1] for m in watched_lines(caplog)] == ["0.01", "0.008"]
    assert solver.current_step == 2


def test_plateau_counts_during_a_warm_up(make, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(PLATEAU + "warmup_iter: 4 plateau_patience: 1", [0])
    rates = Rates(solver)
    solver.step(2)
    assert rates.values == pytest.approx([0, 0.01 / 4])
    assert watched_lines(caplog)[0].endswith("lr = 0.01")  # what it is on the way to


def test_plateau_says_when_the_steps_are_of_another_policy(make, caplog):
    first = make('lr_policy: "step" gamma: 0.1 stepsize: 1')
    first.step(3)
    state = first.snapshot()
    second = make(PLATEAU)
    second.restore(state)
    second.step(2)
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == [
        "current_step of the snapshot is 2, of another lr_policy: plateau goes on from it, "
        "lr = 0.005"
    ]
    third = make(PLATEAU + 'plateau_output: "cost"')
    caplog.clear()
    third.restore(second.snapshot())
    third.step(1)
    assert caplog.messages == []


def test_early_stop_ends_as_stop_does(make, caplog, tmp_path):
    caplog.set_level("INFO", "minicaffe")
    text = 'early_stop: "cost" early_stop_patience: 3 snapshot_after_train: true '
    solver = make(text, [9, 5, 7, 4, 4, 5, 6, 1])
    solver.solve()
    assert solver.iteration == 6
    assert iterations(caplog)[-2:] == [
        "Iteration 6: cost has not become better than 4, of iteration 3, in 3 test(s), "
        "early_stop: stopping",
        "Optimization stopped early.",
    ]
    assert (tmp_path / "run_iter_6.solverstate").exists()


def test_a_run_that_stopped_early_goes_on_with_more_patience(make, tmp_path):
    text = PLATEAU + 'early_stop: "score" early_stop_patience: 3 snapshot_after_train: true '
    labels = [9, 5, 7, 4, 4, 5, 6, 1]
    make(text, labels).solve()
    straight = make(text + "early_stop_patience: 30", labels)
    straight.solve()
    state = tmp_path / "run_iter_3.solverstate"
    again = make(text, labels)
    again.solve(state)
    assert again.iteration == 3
    patient = make(text + "early_stop_patience: 30", labels)
    patient.solve(state)
    assert patient.iteration == 8
    assert same(weights(straight), weights(patient))
    assert straight.current_step == patient.current_step == 3


def test_the_best_snapshot_is_of_the_best_test(make, tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    text, labels = 'snapshot_best: "score" max_iter: 6', [3, 5, 4, 7, 7, 2, 1, 9]
    straight = make(text, labels)
    kept = {}
    straight.poll = lambda: kept.update({straight.iteration: weights(straight)}) or Action.NONE
    straight.solve()
    assert sorted(path.name for path in tmp_path.glob("run*")) == [
        "run_best.caffemodel",
        "run_best.solverstate",
    ]
    assert watched_lines(caplog) == [
        f"Iteration {n}: score = {value} is the best so far"
        for n, value in ((0, 0.3), (1, 0.5), (3, 0.7))
    ]
    second = make(text + " random_seed: 99", labels)
    second.restore(tmp_path / "run_best.solverstate")
    assert second.iteration == 3
    assert same(kept[3], weights(second))
    caplog.clear()
    second.solve()
    assert watched_lines(caplog) == ["Iteration 3: score = 0.7 is the best so far"]
    assert same(weights(straight), weights(second))


def test_the_last_test_may_be_the_best(make, tmp_path):
    """It goes on as a run that had not ended, which takes no batch to display its end."""
    text = 'snapshot_best: "score" display: 3 average_loss: 5 '
    make(text + "max_iter: 3").solve()
    second, straight = make(text), make(text.replace("snapshot_best", "early_stop"))
    straight.step(6)
    second.restore(tmp_path / "run_best.solverstate")
    assert second.iteration == 3
    second.step(3)
    assert same(weights(straight), weights(second))
    assert list(straight.losses) == list(second.losses)


ALL = (
    PLATEAU
    + """early_stop: "cost" early_stop_patience: 7 snapshot_best: "log"
  lower_is_better: "log" test_state { stage: "log" } average_loss: 3 display: 1
  gradient_noise: 0.1 max_iter: 16 """
)
LABELS = [4, 4, 5, 3, 3, 6, 6, 2, 1, 3, 4, 5, 6, 3]


@pytest.fixture
def straight(make, caplog):
    """A whole run with everything watched: its solver, its rates, its log."""
    caplog.set_level("INFO", "minicaffe")
    solver = make(ALL, LABELS)
    rates = Rates(solver)
    solver.solve()
    log = iterations(caplog)
    caplog.clear()
    assert len(set(rates.values)) == 6
    assert solver.iteration == 15  # stopped early
    return solver, rates.values, log


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 7, 8, 14])
@pytest.mark.parametrize("inside", [False, True])
def test_resumed_anywhere_it_is_the_same_run(make, tmp_path, caplog, straight, stop, inside):
    first = make(ALL, LABELS)
    polls = iter([Action.NONE] * (2 * stop - 1 + inside) + [Action.STOP])
    first.poll = lambda: next(polls)
    first.solve()
    assert first.iteration == stop
    caplog.clear()
    second = make(ALL + "random_seed: 99", LABELS)
    second.restore(first.snapshot())
    rates = Rates(second)
    second.solve()
    log, whole = iterations(caplog), straight[2]
    assert log == whole[whole.index(f"Iteration {stop}, Testing net (#0)") :]
    assert rates.values == straight[1][stop:]
    assert same(weights(straight[0]), weights(second))


def test_a_snapshot_inside_a_test_is_of_before_it(make, caplog, straight):
    first = make(ALL, LABELS)

    class AfterAll(Callback):
        def on_tested(self, solver, scores):
            if solver.iteration == 7:  # the rate goes down after this test
                solver.snapshot()
                solver.stop()

    first.callbacks.append(AfterAll())
    first.solve()
    second = make(ALL, LABELS)
    rates = Rates(second)
    second.solve(f"{second.param.snapshot_prefix}_iter_7.solverstate")
    assert straight[1][7] < straight[1][6]
    assert rates.values == straight[1][7:]
    assert same(weights(straight[0]), weights(second))


def test_one_iteration_counts_once(make):
    solver = make('early_stop: "score"', [1, 0])
    solver.step(2)
    [watcher] = solver.callbacks
    for _ in range(3):
        solver.test_all()
    assert watcher.state()["waited"] == 2
    assert watcher.state()["last_test"] == 2


def test_several_test_nets(make):
    text = 'test_iter: 1 test_state { stage: "plain" } test_state {} '
    text += 'early_stop: "cost" snapshot_best: "score" lower_is_better: "score"'
    best, early = make(text).callbacks
    assert best.watched == Watched(0, "score", lower=True)
    assert early.watched == Watched(1, "cost", lower=True)
    [plateau] = make(text.split("early")[0] + 'lr_policy: "plateau" gamma: 0.1').callbacks
    assert plateau.watched == Watched(1, "", lower=True)


@pytest.mark.parametrize(
    ("lower", "values", "better"),
    [
        (True, [np.nan, 3, 3, np.nan, 2, np.inf, -np.inf, -np.inf], [1, 4, 6]),
        (False, [np.nan, -np.inf, 3, 3, np.nan, 2, 4, np.inf], [1, 2, 6, 7]),
    ],
)
def test_what_is_better(lower, values, better):
    watched, best, found = Watched(0, "x", lower), None, []
    for index, value in enumerate(values):
        if watched.is_better(value, best):
            best = value
            found.append(index)
    assert found == better


def test_nan_counts_as_no_better(make, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make('early_stop: "log" early_stop_patience: 2 test_state { stage: "log" }', [-1])
    solver.solve()
    assert solver.iteration == 1
    assert watched_lines(caplog) == [
        "Iteration 1: log has been NaN in 2 test(s), early_stop: stopping"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('early_stop: "scor"', "early_stop is 'scor', expected an output.*did you mean 'score'"),
        ('early_stop: "y"', "early_stop is 'y', expected an output of a test net: known: cost, sc"),
        ('snapshot_best: "csot"', "snapshot_best is 'csot', .* did you mean 'cost'"),
        (PLATEAU + 'plateau_output: "scores"', "plateau_output is 'scores', .*mean 'score'"),
        ('lower_is_better: "scorr"', "lower_is_better is 'scorr', .* did you mean 'score'"),
        (
            'lr_policy: "plateau" gamma: 0.1 test_state { stage: "plain" }',
            "lr_policy is 'plateau', and no test net has a loss; expected plateau_output: .*score",
        ),
        ("early_stop_patience: 0", "early_stop_patience is 0, expected >= 1"),
        ("plateau_patience: -1", "plateau_patience is -1, expected >= 1"),
    ],
)
def test_refusals(make, text, message):
    with pytest.raises(SolverConfigError, match=message):
        make(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('early_stop: "a"', "early_stop is 'a', expected test nets .*: give test_iter"),
        ('snapshot_best: "a"', "snapshot_best is 'a', expected test nets"),
        ('lower_is_better: "a"', "lower_is_better is 'a', expected test nets"),
        ('lr_policy: "plateau" gamma: 0.5', "lr_policy is 'plateau', which watches a loss, expect"),
        (PLATEAU, "plateau_output is 'score', expected test nets"),
    ],
)
def test_without_test_nets_there_is_nothing_to_watch(text, message):
    param = text_format.Parse('base_lr: 1 lr_policy: "fixed"', SolverParameter())
    param.net_param.layer.add(
        name="data", type="DummyData", top=["x"]
    ).dummy_data_param.shape.add().dim.append(1)
    text_format.Merge(f"{text} snapshot_after_train: false", param)
    with pytest.raises(SolverConfigError, match=message):
        Solver(param)


def test_the_state_of_another_output_is_left(make):
    score, cost = (Watcher(Watched(0, name, lower=False), 3) for name in ("score", "cost"))
    score.best, score.waited = 0.5, 2
    before = cost.state()
    cost.set_state(score.state())
    assert cost.state() == before


@pytest.mark.parametrize(
    "state", [None, [], {}, {"best": "x"}, {"watched": "score", "best": 1, "best_iteration": "a"}]
)
def test_a_damaged_state_is_refused(state):
    watcher = Watcher(Watched(0, "score", lower=False), 3)
    before = watcher.state()
    with pytest.raises(WeightsError, match="the state of Watcher is damaged"):
        watcher.set_state(state)
    assert watcher.state() == before
