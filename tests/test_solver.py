"""The training loop: what happens in which order, and what is logged."""

from __future__ import annotations

import re

import numpy as np
import pytest

from minicaffe.errors import NotANumberError, SolverConfigError
from minicaffe.solver import Action, Callback
from tests.solver_runs import NET, SNAPSHOT, logged, make, same, weights


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
