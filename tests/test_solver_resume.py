"""Runs that are stopped and resumed: what a snapshot keeps."""

from __future__ import annotations

import pytest

from minicaffe.errors import PrototxtError, WeightsError
from minicaffe.solver import Action, Callback
from tests.data.databases import make_lmdb, numbered
from tests.solver_runs import NET, SNAPSHOT, logged, make, same, weights


@pytest.mark.parametrize("already", [3, 5])
def test_a_run_resumed_at_its_end_only_tests(tmp_path, caplog, already):
    first = make(tmp_path)
    first.step(already)
    state = first.snapshot()
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path, f"test_iter: 1 test_interval: {already} display: 1 max_iter: 3")
    solver.solve(state)
    assert same(weights(first), weights(solver))
    assert logged(caplog) == [
        "Solving tiny",
        *SNAPSHOT,
        f"Iteration {already}, loss = ..",
        f"Iteration {already}, Testing net (#0)",
        "    Test net output #0: acc = ..",
        "    Test net output #1: loss = ..",
        "Optimization Done.",
    ]


def test_the_losses_to_average_go_on_where_a_run_is_resumed(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    text = "average_loss: 5 display: 1 max_iter: 12"
    make(tmp_path, text).solve()
    whole = [m.split(", loss")[1] for m in caplog.messages if ", loss" in m]
    make(tmp_path, text + " max_iter: 7 display: 0").solve()
    caplog.clear()
    make(tmp_path, text).solve(tmp_path / "tiny_iter_7.solverstate")
    assert [m.split(", loss")[1] for m in caplog.messages if ", loss" in m] == whole[7:]


@pytest.mark.parametrize(
    ("values", "rate", "taken"),
    [("4", 0.01, None), ("8", 0.01, 0), ("6", 0.01, 0), ("1 3", 0.001, 2), ("5", 0.01, None)],
)
def test_multistep_goes_on_from_the_stored_step(tmp_path, caplog, values, rate, taken):
    text = 'lr_policy: "multistep" gamma: 0.1 '
    first = make(tmp_path, text + "stepvalue: 4")
    first.step(6)
    state = first.snapshot()
    second = make(tmp_path, text + " ".join(f"stepvalue: {value}" for value in values.split()))
    second.restore(state)
    assert second.lr == pytest.approx(rate)
    warnings = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == (taken is not None)
    if taken is not None:
        start = f"current_step of the snapshot is 1, but stepvalue has {taken} before iteration 6"
        assert warnings[0].startswith(start)


@pytest.mark.parametrize("stop", [1, 4, 5, 6])
def test_resume_goes_on_bit_for_bit(tmp_path, stop):
    text = (
        "test_iter: 2 test_interval: 3 display: 1 average_loss: 3 clip_gradients: 0.5 iter_size: 2 "
        "gradient_noise: 0.01"
    )
    straight = make(tmp_path, text)
    straight.step(8)
    first = make(tmp_path, text)
    first.step(stop)
    state = first.snapshot()
    second = make(tmp_path, text + " random_seed: 99")  # what it draws itself must not matter
    second.restore(state)
    assert second.iteration == stop
    second.step(8 - stop)
    assert same(weights(straight), weights(second))
    assert list(straight.losses) == list(second.losses)


def test_a_stop_inside_a_test_resumes_before_the_test(tmp_path):
    text = "test_iter: 5 test_interval: 3"
    straight = make(tmp_path, text)
    straight.step(3)
    expected = straight.test_all()
    stopped = make(tmp_path, text)
    polls = iter([Action.NONE] * (5 + 3 + 2) + [Action.STOP])
    stopped.poll = lambda: next(polls)
    stopped.solve()
    assert stopped.iteration == 3
    second = make(tmp_path, text)
    second.restore(tmp_path / "tiny_iter_3.solverstate")
    assert second.test_all() == expected


def test_stop_writes_a_snapshot_and_says_so(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path)
    actions = iter([Action.NONE, Action.SNAPSHOT, Action.NONE, Action.STOP])
    solver.poll = lambda: next(actions)
    solver.solve()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"tiny_iter_{iteration}.{kind}"
        for iteration in (2, 4)
        for kind in ("caffemodel", "solverstate")
    ]
    assert caplog.messages[-1] == "Optimization stopped early."


def test_snapshot_after_train_false_writes_none(tmp_path):
    make(tmp_path, "snapshot_after_train: false").solve()
    assert list(tmp_path.iterdir()) == []


def test_snapshot_diff_keeps_the_gradients(tmp_path):
    sizes = []
    for flag in ("false", "true"):
        solver = make(tmp_path, f"snapshot_diff: {flag}")
        solver.step(1)
        solver.snapshot()
        sizes.append((tmp_path / "tiny_iter_1.caffemodel").stat().st_size)
    assert sizes[1] >= sizes[0] + 4 * 10


def test_state_finds_weights_that_moved_with_it(tmp_path):
    solver = make(tmp_path)
    solver.step(2)
    solver.snapshot()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in tmp_path.glob("tiny_iter_2.*"):
        path.rename(moved / path.name)
    other = make(tmp_path)
    other.restore(moved / "tiny_iter_2.solverstate")
    assert same(weights(solver), weights(other))


def test_refuses_the_state_of_another_solver_and_changes_nothing(tmp_path):
    one = make(tmp_path)
    one.step(1)
    state = one.snapshot()
    wider = make(tmp_path, net=NET.replace("num_output: 2", "num_output: 3"))
    before = weights(wider)
    with pytest.raises(WeightsError, match=r"has shape \(2, 4\), expected \(3, 4\)"):
        wider.restore(state)
    deeper = make(
        tmp_path,
        net=NET + 'layer { name: "p" type: "InnerProduct" bottom: "y" top: "z" '
        "inner_product_param { num_output: 1 } }",
    )
    with pytest.raises(WeightsError, match="2 history blobs, expected 4, as solver type SGD"):
        deeper.restore(state)
    assert same(before, weights(wider))
    assert wider.iteration == 0


def test_refuses_a_caffemodel_as_state(tmp_path):
    solver = make(tmp_path)
    solver.snapshot()
    with pytest.raises(WeightsError, match=r"is a .caffemodel, expected a .solverstate"):
        solver.restore(tmp_path / "tiny_iter_0.caffemodel")
    with pytest.raises(PrototxtError, match="no_such"):
        solver.restore(tmp_path / "no_such.solverstate")


IMAGES = """
layer { name: "data" type: "Data" top: "x" top: "t" include { phase: TRAIN }
  transform_param { crop_size: 5 mirror: true scale: 0.01 }
  data_param { source: "%s" batch_size: 4 backend: LMDB } }
layer { name: "data" type: "Data" top: "x" top: "t" include { phase: TEST }
  transform_param { crop_size: 5 mirror: true scale: 0.01 }
  data_param { source: "%s" batch_size: 3 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "c" convolution_param {
  num_output: 3 kernel_size: 2 weight_filler { type: "xavier" } } }
layer { name: "pool" type: "Pooling" bottom: "c" top: "p"
  pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "p" top: "y"
  inner_product_param { num_output: 11 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" top: "loss" }
"""


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_resume_goes_on_with_the_next_sample(tmp_path, stop):
    source = make_lmdb(tmp_path / "db", numbered(11, (2, 6, 7)))
    net, text = IMAGES % (source, source), "test_iter: 2 test_interval: 3"

    class Tests(Callback):
        def __init__(self, solver):
            solver.callbacks.append(self)
            self.results = []

        def on_test_batch(self, solver, net, batch, batches):
            loss = solver.test_nets[net].blobs["loss"].data
            self.results.append((solver.iteration, batch, float(loss)))

    straight = make(tmp_path, text, net)
    seen = Tests(straight)
    straight.step(8)
    first = make(tmp_path, text, net)
    first.step(stop)
    first.snapshot()
    first.close()
    second = make(tmp_path, text, net)
    second.restore(tmp_path / f"tiny_iter_{stop}.solverstate")
    seen_again = Tests(second)
    second.step(8 - stop)
    assert same(weights(straight), weights(second))
    assert seen_again.results == [result for result in seen.results if result[0] >= stop]
    straight.close()
    second.close()
