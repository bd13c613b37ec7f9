"""The training loop: what happens in which order, what is logged, what a resume restores."""

from __future__ import annotations

import re

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.errors import NotANumberError, PrototxtError, SolverConfigError, WeightsError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Action, Callback, Solver
from tests.data.databases import make_lmdb, numbered

NET = """
name: "tiny"
layer { name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 3 dim: 4 } shape { dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "drop" type: "Dropout" bottom: "x" top: "x" include { phase: TRAIN } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" top: "loss" loss_weight: 2 }
layer { name: "acc" type: "Accuracy" bottom: "y" bottom: "t" top: "acc" include { phase: TEST } }
"""
BASE = 'base_lr: 0.1 momentum: 0.5 lr_policy: "fixed" max_iter: 8 random_seed: 7 '


def make(tmp_path, text="", net=NET, base=BASE, device=None):
    param = text_format.Merge(text, text_format.Parse(base, SolverParameter()))
    if net:
        text_format.Parse(net, param.net_param)
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = str(tmp_path / "tiny")
    return Solver(param, device or cpu())


def weights(solver):
    to_numpy = solver.device.to_numpy
    return [to_numpy(param.blob.data).copy() for param in solver.net.params]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def logged(caplog):
    """The log without what the nets say of themselves, timings and paths."""
    kept = [m for m in caplog.messages if re.match(r"    |Iteration|Snapshotting|Optim|Solving", m)]
    kept = [re.sub(r" \(.*iters\)", "", m) for m in kept if "loss weight" not in m]
    return [re.sub(r"(= |file )\S+.*", r"\1..", m) for m in kept]


def test_one_seed_gives_one_run(tmp_path):
    runs = [make(tmp_path, "snapshot_after_train: false") for _ in range(2)]
    for solver in runs:
        solver.solve()
    assert same(weights(runs[0]), weights(runs[1]))
    other = make(tmp_path, "snapshot_after_train: false random_seed: 8")
    other.solve()
    assert not same(weights(runs[0]), weights(other))


def test_order_of_an_iteration(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path, "test_iter: 1 test_interval: 2 display: 2 snapshot: 2 max_iter: 3")
    solver.solve()
    output = ["    Test net output #0: acc = ..", "    Test net output #1: loss = .."]
    shown = ["    Train net output #0: loss = .."]
    snapshot = [
        "Snapshotting to binary proto file ..",
        "Snapshotting solver state to binary proto file ..",
    ]
    assert logged(caplog) == [
        "Solving tiny",
        "Iteration 0, Testing net (#0)",
        *output,
        "Iteration 0, loss = ..",
        *shown,
        "Iteration 0, lr = ..",
        *snapshot,
        "Iteration 2, Testing net (#0)",
        *output,
        "Iteration 2, loss = ..",
        *shown,
        "Iteration 2, lr = ..",
        *snapshot,
        "Optimization Done.",
    ]


def test_the_end_displays_and_tests_once_more(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(
        tmp_path,
        "test_iter: 1 test_interval: 2 display: 2 max_iter: 2 test_initialization: false "
        "snapshot_after_train: false test_compute_loss: true",
    )
    solver.solve()
    assert logged(caplog)[-5:] == [
        "Iteration 2, loss = ..",
        "Iteration 2, Testing net (#0)",
        "    Test net output #0: acc = ..",
        "    Test net output #1: loss = ..",
        "Optimization Done.",
    ]
    assert sum(message.startswith("Test loss: ") for message in caplog.messages) == 1
    assert "Iteration 0, Testing net (#0)" not in caplog.messages


SNAPSHOT = [
    "Snapshotting to binary proto file ..",
    "Snapshotting solver state to binary proto file ..",
]


def test_the_snapshot_after_training_comes_before_the_last_display_and_test(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    text = "test_iter: 1 test_interval: 3 display: 3 snapshot: 2 max_iter: 3"
    make(tmp_path, text).solve()
    assert logged(caplog)[-7:] == [
        *SNAPSHOT,
        "Iteration 3, loss = ..",
        "Iteration 3, Testing net (#0)",
        "    Test net output #0: acc = ..",
        "    Test net output #1: loss = ..",
        "Optimization Done.",
    ]


def test_a_stop_at_a_snapshot_writes_one_and_ends(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path, "test_iter: 1 test_interval: 2 display: 1 snapshot: 2")
    polls = iter([Action.NONE] * 2)
    solver.poll = lambda: next(polls, Action.STOP)
    solver.solve()
    assert logged(caplog)[-4:] == ["Iteration 1, lr = ..", *SNAPSHOT, "Optimization stopped early."]


def test_a_stop_inside_the_last_test_changes_nothing(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path, "test_iter: 1 test_iter: 1 test_interval: 1 max_iter: 1")
    polls = iter([Action.NONE] * 4)
    solver.poll = lambda: next(polls, Action.STOP)
    solver.solve()
    last = ["Iteration 1, Testing net (#1)", "Test interrupted.", "Optimization Done."]
    assert caplog.messages[-3:] == last
    solver.poll = lambda: Action.NONE
    assert len(solver.test_all()) == 2
    assert solver.before_test is None


def test_a_snapshot_asked_for_inside_a_test_is_written_there(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path, "test_iter: 3 test_interval: 9 max_iter: 1 snapshot_after_train: false")
    polls = iter([Action.NONE, Action.SNAPSHOT])
    solver.poll = lambda: next(polls, Action.NONE)
    solver.solve()
    assert logged(caplog)[:4] == [
        "Solving tiny",
        "Iteration 0, Testing net (#0)",
        *SNAPSHOT,
    ]
    second = make(tmp_path, "random_seed: 99")
    second.restore(tmp_path / "tiny_iter_0.solverstate")
    assert same(weights(make(tmp_path)), weights(second))


def test_a_callback_may_stop(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")

    class Enough(Callback):
        def on_step(self, solver):
            if solver.iteration == 3:
                solver.stop()

    solver = make(tmp_path)
    solver.callbacks.append(Enough())
    solver.solve()
    assert solver.iteration == 3
    assert logged(caplog)[-3:] == [*SNAPSHOT, "Optimization stopped early."]
    solver.step(2)
    assert solver.iteration == 5


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


def test_display_and_snapshot_zero_are_never(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    make(tmp_path, "display: 0 snapshot: 0 snapshot_after_train: false").solve()
    assert logged(caplog) == ["Solving tiny", "Optimization Done."]


def test_debug_info_is_of_iterations_that_display_and_of_all_tests(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    text = "debug_info: true display: 2 test_iter: 2 test_interval: 3 max_iter: 5 "
    solver = make(tmp_path, text + "snapshot_after_train: false")
    caplog.clear()
    solver.solve()
    lines = [m for m in caplog.messages if re.match(r"Iteration|    \[", m)]
    counts, kind = {}, ""
    for line in lines:
        if line.startswith("Iteration"):
            kind = line
        if line.startswith("    [Forward] Layer ip, top blob y"):
            counts[kind.split(" (")[0]] = counts.get(kind.split(" (")[0], 0) + 1
    assert counts == {
        "Iteration 0, Testing net": 3,  # 2 of the test, 1 of iteration 0
        "Iteration 0, lr = 0.1": 1,  # iteration 2
        "Iteration 3, Testing net": 3,  # 2 of the test, 1 of iteration 4
    }
    assert sum("[Backward] All net params" in line for line in lines) == 3


def test_lines_have_the_originals_form(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    make(tmp_path, "display: 2 max_iter: 4").solve()
    number = r"[-+.\de]+"
    line = rf"Iteration 2 \({number} iter/s, {number}s/2 iters\), loss = {number}"
    assert any(re.fullmatch(line, message) for message in caplog.messages)
    output = rf"    Train net output #0: loss = ({number}) \(\* 2 = ({number}) loss\)"
    found = [match for message in caplog.messages if (match := re.fullmatch(output, message))]
    assert len(found) == 2
    assert all(float(m[2]) == pytest.approx(2 * float(m[1]), rel=1e-5) for m in found)
    assert "Iteration 2, lr = 0.1" in caplog.messages


def test_average_loss_is_the_mean_of_the_last(tmp_path):
    class Losses(Callback):
        def __init__(self):
            self.values = []

        def on_step(self, solver):
            self.values.append(solver.losses[-1])

    solver = make(tmp_path, "average_loss: 3")
    solver.callbacks.append(Losses())
    solver.step(5)
    values = solver.callbacks[0].values
    assert len(set(values)) == 5
    assert solver.loss == pytest.approx(sum(values[2:]) / 3)


def test_the_losses_to_average_start_anew_with_each_call_of_step(tmp_path):
    solver = make(tmp_path, "average_loss: 3")
    solver.step(4)
    assert len(solver.losses) == 3
    for _ in range(2):
        solver.step(1)
        assert len(solver.losses) == 1
    solver.step(2)
    assert len(solver.losses) == 2


def test_the_losses_to_average_go_on_where_a_run_is_resumed(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    text = "average_loss: 5 display: 1 max_iter: 12"
    make(tmp_path, text).solve()
    whole = [m.split(", loss")[1] for m in caplog.messages if ", loss" in m]
    make(tmp_path, text + " max_iter: 7 display: 0").solve()
    caplog.clear()
    make(tmp_path, text).solve(tmp_path / "tiny_iter_7.solverstate")
    assert [m.split(", loss")[1] for m in caplog.messages if ", loss" in m] == whole[7:]


CONSTANT = NET.replace('type: "gaussian" } data', "value: 0.5 } data")


def trained(tmp_path, text):
    text += " snapshot_after_train: false max_iter: 4"
    solver = make(tmp_path, text, CONSTANT.replace("Dropout", "ReLU"))
    solver.solve()
    return solver


def test_iter_size_averages(tmp_path):
    one, four = (trained(tmp_path, f"iter_size: {n}") for n in (1, 4))
    for a, b in zip(weights(one), weights(four), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert one.loss == pytest.approx(four.loss, rel=1e-5)


def test_clip_gradients_limits_the_sum_over_iter_size(tmp_path):
    one, four, free = (
        trained(tmp_path, text)
        for text in (
            "clip_gradients: 0.025",
            "clip_gradients: 0.1 iter_size: 4",
            "clip_gradients: 10",
        )
    )
    for a, b in zip(weights(one), weights(four), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert not same(weights(one), weights(free))


def test_gradient_noise_changes_the_run_and_repeats(tmp_path):
    plain, noisy, again = (trained(tmp_path, f"gradient_noise: {n}") for n in (0, 0.1, 0.1))
    assert not same(weights(plain), weights(noisy))
    assert same(weights(noisy), weights(again))


def test_multistep_says_when_it_steps(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    text = 'lr_policy: "multistep" gamma: 0.1 stepvalue: 2 stepvalue: 2 stepvalue: 5 display: 2'
    make(tmp_path, text + " max_iter: 7 snapshot_after_train: false").solve()
    found = [m for m in caplog.messages if "lr =" in m or "MultiStep" in m]
    assert found == [
        "Iteration 0, lr = 0.1",
        "MultiStep Status: Iteration 2, step = 1",
        "Iteration 2, lr = 0.01",
        "MultiStep Status: Iteration 3, step = 2",
        "Iteration 4, lr = 0.001",
        "MultiStep Status: Iteration 5, step = 3",
        "Iteration 6, lr = 0.0001",
    ]


def test_other_policies_step_in_silence(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make(tmp_path, 'lr_policy: "step" gamma: 0.1 stepsize: 2')
    solver.step(5)
    assert solver.current_step == 2
    assert not any("MultiStep" in m for m in caplog.messages)


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


def test_weights_field_starts_from_a_file(tmp_path):
    first = make(tmp_path)
    first.step(3)
    first.snapshot()
    text = f'weights: "{tmp_path / "tiny_iter_3.caffemodel"}" test_iter: 1 test_interval: 9'
    second = make(tmp_path, text)
    assert same(weights(first), weights(second))
    assert same(weights(first), [param.blob.data for param in second.test_nets[0].params])


def test_level_and_stage_choose_layers(tmp_path):
    extra = NET + 'layer { name: "s" type: "Silence" bottom: "y" include { stage: "deep" } }'
    names = [
        step.name
        for step in make(tmp_path, 'train_state { stage: "deep" }', extra).net.steps
        if step.layer.type == "Silence"
    ]
    assert names == ["s"]
    assert "s" not in [step.name for step in make(tmp_path, "", extra).net.steps]


def test_test_states_are_one_a_test_net(tmp_path):
    states = 'test_state { stage: "a" } test_state { level: 3 }'
    text = f"test_iter: 1 test_iter: 2 test_interval: 5 {states}"
    solver = make(tmp_path, text)
    states = [net.definition.state for net in solver.test_nets]
    assert [(list(s.stage), s.level, s.phase) for s in states] == [(["a"], 0, 1), ([], 3, 1)]


@pytest.mark.parametrize(
    ("text", "net", "message"),
    [
        ("", "", "none is given, expected exactly one of net, net_param, train_net"),
        ('net: "a.prototxt"', NET, "net, net_param given, expected exactly one"),
        ("max_iter: -1", NET, "max_iter is -1, expected >= 0"),
        ("iter_size: 0", NET, "iter_size is 0, expected >= 1"),
        ("average_loss: 0", NET, "average_loss is 0"),
        ('lr_policy: "stepp"', NET, "lr_policy is 'stepp', .* did you mean 'step'"),
        (
            'lr_policy: ""',
            NET,
            "lr_policy is '', expected one of fixed, step,.* a solver needs one",
        ),
        ('type: "Agad"', NET, "type is 'Agad', expected one of .*SGD"),
        ('regularization_type: "L3"', NET, "regularization_type is 'L3', expected L1 or L2"),
        ("test_iter: 3", NET, "test_interval is 0, expected > 0"),
        ("test_iter: 0 test_interval: 1", NET, "test_iter is 0, expected >= 1"),
        ('test_net: "t" test_net: "u" test_iter: 1', NET, "test_iter is given 1 time.* at least 2"),
        ("test_iter: 1 test_interval: 1 test_state {} test_state {}", NET, "test_state is given 2"),
        ('snapshot_prefix: "/no/such/folder/x"', NET, "snapshot_prefix is '/no/such/folder/x'"),
        ("gradient_noise: -1", NET, "gradient_noise is -1, expected >= 0"),
        ("gradient_noise: nan", NET, "gradient_noise is nan, expected >= 0"),
    ],
)
def test_refuses_at_once(tmp_path, text, net, message):
    with pytest.raises(SolverConfigError, match=message):
        make(tmp_path, text, net)


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


def test_poly_ends_at_max_iter(tmp_path):
    solver = make(tmp_path, 'lr_policy: "poly" power: 0.5 max_iter: 3 snapshot_after_train: false')
    solver.solve()
    with pytest.raises(SolverConfigError, match="iteration is 4, expected at most max_iter 3"):
        solver.step(2)


def test_runs_on_every_device(tmp_path, device):
    solver = make(
        tmp_path, "clip_gradients: 0.1 display: 1 test_iter: 1 test_interval: 2", device=device
    )
    solver.solve()
    second = make(tmp_path, device=device)
    second.restore(tmp_path / "tiny_iter_8.solverstate")
    assert same(weights(solver), weights(second))


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


def test_a_nan_names_the_first_layer_that_made_it(tmp_path):
    data = NET.replace('data_filler { type: "gaussian" }', "data_filler { value: nan }")
    with pytest.raises(NotANumberError, match=r"layer 'data' \(DummyData\): top 'x' holds NaN"):
        make(tmp_path, net=data).solve()
    wild = make(tmp_path, "base_lr: 1e38", net=NET.replace("3 dim: 4", "3 dim: 400"))
    with pytest.raises(
        NotANumberError, match=r"layer 'ip' .*: blobs\[0\] holds NaN or inf.*lower base_lr"
    ):
        wild.solve()
    large = NET.replace('data_filler { type: "gaussian" }', "data_filler { value: 3e38 }")
    with pytest.raises(NotANumberError, match=r"layer 'ip' .*: top 'y' holds NaN, .* first layer"):
        make(tmp_path, net=large.replace("dim: 3 dim: 4", "dim: 3 dim: 40")).solve()
