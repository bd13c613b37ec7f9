"""Steps that are recorded as CUDA graphs: the same bits as without, whatever goes on around them.

On the stand-in for CuPy, whose streams record what they are given and do it again on launch.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest

from minicaffe import training_step
from minicaffe.callbacks import Callback
from minicaffe.device import Device, cpu
from minicaffe.errors import ValueRangeError
from minicaffe.net import Net
from minicaffe.solvers import UpdateRule, rule_classes
from minicaffe.training_step import RecordedStep, TrainingStep
from tests import fake_cuda, fake_cupy
from tests.test_transfers import GOLDEN, NETS, TOP, make

MEMORY = NETS["random"].replace(
    TOP,
    """
layer { name: "data" type: "MemoryData" top: "x" top: "t"
  memory_data_param { batch_size: 4 channels: 2 height: 12 width: 12 } }
""",
)
FROM_FILES = """
layer { name: "data" type: "Data" top: "x" top: "t"
  transform_param { scale: 0.01 mirror: true }
  data_param { source: "db.lmdb" batch_size: 4 backend: LMDB } }
layer { name: "drop" type: "Dropout" bottom: "x" top: "h" }
layer { name: "ip" type: "InnerProduct" bottom: "h" top: "y"
  inner_product_param { num_output: 1 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "loss" type: "SigmoidCrossEntropyLoss" bottom: "y" bottom: "t" top: "loss" }
"""
SGD = 'type: "SGD" momentum: 0.9'


def solver_of(recorded, net, text, monkeypatch):
    monkeypatch.setenv(training_step.SWITCH, str(int(recorded)))
    solver = make(net, text)
    assert isinstance(solver._step, RecordedStep)
    return solver


def feed(solver, rng, count=8):
    layer = solver.net.steps[0].layer
    labels = rng.integers(0, 3, count).astype(np.float32)
    layer.set_input_arrays(rng.standard_normal((count, 2, 12, 12), np.float32), labels)


def state(solver):
    """Everything that a run has come to."""
    arrays = [param.blob.data.get() for param in solver.net.params]
    arrays += [param.blob.diff.get() for param in solver.net.params]
    arrays += [array.get() for slot in solver.slots for array in slot.history]
    arrays += [blob.data.get() for blob in solver.net.blobs.values()]
    arrays += [blob.data.get() for step in solver.net.steps for blob in step.layer.blobs]
    return arrays, solver.losses, solver.device.rng.bit_generator.state


def assert_same(one, other):
    (arrays, losses, rng), (arrays2, losses2, rng2) = state(one), state(other)
    for index, (a, b) in enumerate(zip(arrays, arrays2, strict=True)):
        np.testing.assert_array_equal(a, b, err_msg=str(index))
    assert [float(loss) for loss in losses] == [float(loss) for loss in losses2]
    assert rng == rng2


def run_both(net, text, monkeypatch, steps=7, each=lambda solver, iteration: None):
    solvers = [solver_of(recorded, net, text, monkeypatch) for recorded in (True, False)]
    for solver in solvers:
        for iteration in range(steps):
            each(solver, iteration)
            solver.step(1)
    assert_same(*solvers)
    return solvers


def are_recorded(solver):
    step = solver._step
    return step._pass._recorded is not None, step._update._recorded is not None


@pytest.mark.parametrize("name", NETS)
def test_every_net(name, monkeypatch):
    recorded, plain = run_both(NETS[name], SGD, monkeypatch)
    assert are_recorded(recorded) == (True, True)
    assert are_recorded(plain) == (False, False)
    with fake_cuda.counted() as launched:
        recorded._iterate()
    with fake_cuda.counted() as written:
        plain._iterate()
    assert launched.launches < 15 < 60 < written.launches


@pytest.mark.parametrize("rule", sorted(rule_classes()))
@pytest.mark.parametrize("text", ["", "iter_size: 3 clip_gradients: 0.3"])
def test_every_solver(rule, text, monkeypatch):
    params = "param { lr_mult: 2 decay_mult: 0 } inner_product_param { num_output: 3"
    net = NETS["random"].replace("inner_product_param { num_output: 3", params)
    recorded, _ = run_both(net, f'type: "{rule}" {text}', monkeypatch)
    assert are_recorded(recorded) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        'lr_policy: "multistep" stepvalue: 2 stepvalue: 4 gamma: 0.5',
        'lr_policy: "poly" power: 2',
        'lr_policy: "fixed" warmup_iter: 5',
        'lr_policy: "cosine"',
        "average_loss: 3",
        'regularization_type: "L1"',
        "display: 3 debug_info: true",
        "clip_gradients: 0",
    ],
)
def test_what_changes_with_the_iteration(text, monkeypatch):
    monkeypatch.setattr("tests.test_transfers.BASE", "base_lr: 0.05 random_seed: 3 max_iter: 20 ")
    policy = "" if "lr_policy" in text else 'lr_policy: "fixed"'
    recorded, _ = run_both(NETS["random"], f'{text} {policy} type: "Adam"', monkeypatch)
    assert are_recorded(recorded) == (True, True)


def test_batches_that_the_host_hands_over(monkeypatch):
    rng = {True: np.random.default_rng(5), False: np.random.default_rng(5)}

    def each(solver, iteration):
        if iteration % 2 == 0:
            feed(solver, rng[solver._step._pass.obstacle == ""])

    run_both(MEMORY, SGD, monkeypatch, each=each)


def test_batches_that_threads_read_and_a_stream_copies(monkeypatch):
    """They arrive at two places in turn; the recording reads a third."""
    monkeypatch.chdir(GOLDEN / "data")
    recorded, plain = run_both(FROM_FILES, SGD, monkeypatch, steps=9)
    assert are_recorded(recorded) == (True, True)
    assert recorded._step._pass._recordings == 1
    for solver in (recorded, plain):
        solver.close()


def test_noise_is_drawn_by_the_host(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    recorded, _ = run_both(NETS["random"], f"{SGD} gradient_noise: 0.1", monkeypatch)
    assert are_recorded(recorded) == (True, False)
    assert (
        logged(caplog).count("updates are not recorded: gradient_noise is drawn on the host") == 1
    )


def logged(caplog):
    return [m.removeprefix("CUDA graph: ") for m in caplog.messages if "CUDA graph" in m]


def test_one_line_says_what_is_recorded(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver_of(True, NETS["lenet"], SGD, monkeypatch).step(5)
    assert logged(caplog) == ["passes are recorded", "updates are recorded"]


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (
            'type: "Python" bottom: "x" top: "z" python_param '
            '{ module: "tests.doubling" layer: "Doubling" }',
            "layer 'odd' (Python) runs code that may do anything",
        ),
        (
            'type: "Filter" bottom: "x" bottom: "t" top: "z"',
            "layer 'odd' (Filter) brings to the host what it needs to go on",
        ),
        (
            'type: "DummyData" top: "z" dummy_data_param { shape { dim: 2 } }',
            "layer 'odd' (DummyData) makes data after others have run, expected it first",
        ),
        (
            'type: "Embed" bottom: "t" top: "z" loss_weight: 1 '
            "embed_param { input_dim: 3 num_output: 2 }",
            "operation not permitted while a stream is captured: argsort waits for the device",
        ),
    ],
)
def test_what_cannot_be_recorded_is_done_as_written(layer, why, monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    recorded, _ = run_both(f'{NETS["random"]} layer {{ name: "odd" {layer} }}', SGD, monkeypatch)
    assert are_recorded(recorded) == (False, True)
    said = [line for line in logged(caplog) if line.startswith("passes are not") and why in line]
    assert len(said) == 1


SCHEDULED = (
    NETS["random"]
    + """
layer { name: "bits" type: "BinaryActivation" bottom: "h" top: "b" binary_activation_param {
  alpha: 1 growth: 1.5 step_size: 2 max_alpha: 50 } }
layer { name: "end" type: "Reduction" bottom: "b" top: "sum" loss_weight: 0.01 }
"""
)


@pytest.mark.parametrize("where", ["passes", "updates"])
def test_a_recording_that_fails_leaves_no_trace(where, monkeypatch, caplog):
    """Nor in what is counted: the schedule of a layer, the rates that the card was to have."""
    caplog.set_level("INFO", "minicaffe")
    patched, name = {"passes": (Net, "backward"), "updates": (rule_classes()["SGD"], "step")}[where]
    whole = getattr(patched, name)

    def fail(self, *args):
        whole(self, *args)
        if fake_cuda.get_current_stream().is_capturing():
            fake_cuda.refuse_in_capture("somebody looks")

    monkeypatch.setattr(patched, name, fail)
    recorded, plain = run_both(SCHEDULED, SGD, monkeypatch)
    assert are_recorded(recorded) == (where == "updates", where == "passes")
    assert any(f"{where} are not recorded" in line and "looks" in line for line in logged(caplog))
    for solver in (recorded, plain):
        positions = [s.layer.position() for s in solver.net.steps if s.name == "bits"]
        assert positions == [{"forwards": 7}]


def test_hooks_and_debug_info_are_heeded_while_they_last(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")
    seen = []

    def each(solver, iteration):
        solver.net.hooks.after_forward[:] = [seen.append] if iteration in (4, 5) else []

    recorded, _ = run_both(NETS["random"], SGD, monkeypatch, each=each)
    assert are_recorded(recorded) == (True, True)
    assert len(seen) == 2 * 2 * len(recorded.net.steps)
    assert logged(caplog).count("passes are not recorded: hooks are called between the layers") == 1


def test_a_rule_with_a_step_of_its_own(monkeypatch):
    class Own(UpdateRule):
        type = "Own"
        num_history = 0

        def update(self, slot, hyper):
            slot.blob.diff[...] = slot.blob.diff * hyper.lr

    solver = solver_of(True, NETS["lenet"], SGD, monkeypatch)
    solver.rule.__class__ = Own
    assert "has a step of its own" in training_step._obstacle_to_updates(solver)


def test_what_is_done_between_steps(monkeypatch, tmp_path):
    """Callbacks that change gradients, snapshots and what is restored, tests, changed settings."""

    class Halving(Callback):
        def on_gradients_ready(self, solver):
            for slot in solver.slots:
                slot.blob.diff[...] = slot.blob.diff * 0.5

    def each(solver, iteration):
        if iteration == 0:
            solver.callbacks.append(Halving())
            solver.param.snapshot_prefix = str(tmp_path / "run")
        if iteration == 4:
            each.path = solver.snapshot()
        if iteration == 6:
            solver.restore(each.path)
        if iteration == 8:
            solver.param.momentum = 0.3
            solver.reconfigure()

    text = f"{SGD} test_iter: 2 test_interval: 3 test_compute_loss: true"
    recorded, _ = run_both(NETS["random"], text, monkeypatch, steps=12, each=each)
    assert are_recorded(recorded) == (True, True)


def test_shapes_that_change(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")

    def each(solver, iteration):
        if iteration in (4, 9):
            net = solver.net
            net.blobs["x"].reshape((3 + iteration, 2, 12, 12))
            net.blobs["t"].reshape((3 + iteration,))
            net.reshape()

    recorded, _ = run_both(NETS["random"], SGD, monkeypatch, steps=14, each=each)
    assert are_recorded(recorded) == (True, True)
    assert logged(caplog).count("passes are recorded") == 3


def test_a_reshape_that_makes_new_room_is_noticed(monkeypatch):
    """The layers have other arrays then; those that were recorded belong to others."""

    def each(solver, iteration):
        if iteration == 4:
            solver.net.reshape()
            sizes = [64, 128, 256, 512] * 20
            solver.kept = [fake_cupy.full(size, 7.0) for size in sizes]

    for solver in run_both(NETS["random"], SGD, monkeypatch, steps=6, each=each):
        assert all((array.get() == 7).all() for array in solver.kept)


def test_in_the_end_it_gives_up(monkeypatch, caplog):
    caplog.set_level("INFO", "minicaffe")

    def each(solver, iteration):
        if iteration % 4 == 3:
            solver.net.reshape()

    recorded, _ = run_both(NETS["random"], SGD, monkeypatch, steps=18, each=each)
    assert are_recorded(recorded) == (False, True)
    assert logged(caplog).count("passes are recorded") == training_step.PATIENCE
    assert "passes are not recorded: shapes or arrays have changed too often" in logged(caplog)


def test_a_label_that_is_no_class_is_refused_at_the_next_look(monkeypatch):
    rng = np.random.default_rng(2)
    solver = solver_of(True, MEMORY, f"{SGD} display: 10", monkeypatch)
    feed(solver, rng, 40)
    solver.net.steps[0].layer._arrays[1][22] = 3
    with pytest.raises(ValueRangeError, match=r"layer 'loss'.*label 3 at row 2, expected 0..2"):
        solver.step(10)
    assert solver.iteration == 10  # the batch was that of iteration 5
    other = make(MEMORY, SGD, cpu())
    feed(other, np.random.default_rng(2), 40)
    other.net.steps[0].layer._arrays[1][22] = 3
    with pytest.raises(ValueRangeError, match="label 3 at row 2"):
        other.step(10)
    assert other.iteration == 5


@pytest.mark.parametrize("what", ["snapshot", "test_all"])
def test_nothing_is_written_or_tested_with_a_bad_label(what, monkeypatch, tmp_path):
    text = f'{SGD} test_iter: 1 test_interval: 100 snapshot_prefix: "{tmp_path}/run"'
    solver = solver_of(True, MEMORY, text, monkeypatch)
    feed(solver, np.random.default_rng(2), 40)
    feed_test = solver.test_nets[0].steps[0].layer
    feed_test.set_input_arrays(np.zeros((4, 2, 12, 12), np.float32), np.zeros(4, np.float32))
    solver._iterate()
    solver.net.steps[0].layer._arrays[1][4:8] = -1
    solver._iterate()
    with pytest.raises(ValueRangeError, match="label -1 at row 0"):
        getattr(solver, what)()
    assert not list(tmp_path.iterdir())


def test_a_solver_that_is_deleted_gives_its_memory_back(monkeypatch):
    gc.collect()
    pool, card = fake_cuda.default_pool, fake_cuda.card
    pool.free_all_blocks()
    used, taken = pool.used_bytes(), card.taken
    solver = solver_of(True, NETS["random"], SGD, monkeypatch)
    solver.step(5)
    assert are_recorded(solver) == (True, True)
    assert pool.used_bytes() > used + 10000
    solver.close()
    gc.disable()  # it must not wait for the collector
    try:
        del solver
        assert pool.used_bytes() == used
        pool.free_all_blocks()
        assert card.taken == taken
    finally:
        gc.enable()


def test_on_the_cpu_nothing_is_recorded():
    assert type(make(NETS["lenet"], SGD, cpu())._step) is TrainingStep
    assert Device(fake_cupy, 0, np.random.default_rng(1)).host.numbers is None
