"""Solvers as a user of pycaffe drives them."""

from __future__ import annotations

import gc
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.callbacks import Callback
from minicaffe.errors import (
    MinicaffeError,
    ParamSharingError,
    PrototxtError,
    SolverConfigError,
    WeightsError,
)
from minicaffe.proto import caffe_pb2
from minicaffe.proto.text import read_solver
from minicaffe.pycaffe import mode
from minicaffe.pycaffe.solver import Solver

NET = """
name: "testnet"
force_backward: true
layer {
  name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param {
    shape { dim: 5 dim: 2 dim: 3 dim: 4 } shape { dim: 5 }
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 2 }
  }
}
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {
    num_output: 6 kernel_size: 2 pad: 3
    weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 2 }
  }
  param { decay_mult: 1 } param { decay_mult: 0 }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "conv" top: "ip_blob"
  inner_product_param { num_output: 13 weight_filler { type: "gaussian" std: 2.5 } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt"
test_iter: 3 test_interval: 10
base_lr: 0.01 momentum: 0.9
weight_decay: 0.0005 lr_policy: "inv" gamma: 0.0001 power: 0.75
display: 100 max_iter: 7
snapshot_after_train: false snapshot_prefix: "model"
random_seed: 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory, with ``net.prototxt`` and ``solver.prototxt``."""
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_text(SOLVER)
    return tmp_path


@pytest.fixture
def solver():
    return caffe.get_solver("solver.prototxt")


def write(text, name="solver.prototxt"):
    """``SOLVER`` with the fields of ``text`` in place of its own."""
    param = read_solver("solver.prototxt")
    from google.protobuf import text_format

    given = text_format.Parse(text, caffe_pb2.SolverParameter())
    for field, _ in given.ListFields():
        param.ClearField(field.name)
    param.MergeFrom(given)
    Path(name).write_text(text_format.MessageToString(param))
    return name


def parameters(solver):
    return {
        name: [np.array(blob.data) for blob in blobs] for name, blobs in solver.net.params.items()
    }


def same(some, others):
    return all((a == b).all() for name in some for a, b in zip(some[name], others[name]))  # noqa: B905


def test_solve(solver):
    assert solver.iter == 0
    before = parameters(solver)
    solver.solve()
    assert solver.iter == 7
    assert not same(before, parameters(solver))


def test_step(solver):
    solver.step(2)
    solver.step(np.int64(3))
    assert solver.iter == 5
    solver.step(0)
    assert solver.iter == 5
    with pytest.raises(TypeError):
        solver.step(1.5)


def test_steps_make_up_a_whole(solver):
    other = caffe.get_solver("solver.prototxt")
    for _ in range(4):
        solver.step(1)
    other.step(4)
    assert same(parameters(solver), parameters(other))


def test_the_nets(solver):
    assert len(solver.test_nets) == 1
    assert solver.net is solver.net
    assert list(solver.net.blobs) == ["data", "label", "conv", "ip_blob", "loss"]
    assert isinstance(solver.net, caffe.Net)
    solver.step(1)
    np.testing.assert_array_equal(
        solver.net.params["ip"][0].data, solver.test_nets[0].params["ip"][0].data
    )
    assert solver.test_nets[0].forward()["loss"] > 0


def test_no_test_nets():
    Path("solver.prototxt").write_text(
        "\n".join(line for line in SOLVER.splitlines() if "test" not in line)
    )
    assert list(caffe.SGDSolver("solver.prototxt").test_nets) == []


def test_nets_outlive_their_solver():
    solver = caffe.get_solver("solver.prototxt")
    nets = [solver.net, *solver.test_nets]
    solver.step(1)
    del solver
    gc.collect()
    total = 0
    for net in nets:
        for blobs in net.params.values():
            for blob in blobs:
                total += blob.data.sum() + blob.diff.sum()
        for blob in net.blobs.values():
            total += blob.data.sum() + blob.diff.sum()
        net.forward()
        net.backward()
    assert np.isfinite(total)


def test_threads_end_with_the_last_of_a_solver(folder):
    (folder / "image.png").write_bytes(b"")
    import cv2

    cv2.imwrite("image.png", np.zeros((4, 5, 3), np.uint8))
    Path("list.txt").write_text("image.png 1\n")
    Path("net.prototxt").write_text(
        'layer { name: "data" type: "ImageData" top: "data" top: "label" '
        'image_data_param { source: "list.txt" batch_size: 2 } }'
        'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" '
        "inner_product_param { num_output: 3 } }"
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }'
    )
    before = threading.active_count()
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(2)
    net = solver.net
    assert threading.active_count() > before
    del solver
    gc.collect()
    net.forward()  # its threads are still there
    del net
    gc.collect()
    assert threading.active_count() == before


def test_snapshot(solver, folder):
    solver.snapshot()
    for name in ("model_iter_0.caffemodel", "model_iter_0.solverstate"):
        assert (folder / name).stat().st_size > 0
    assert solver.snapshot() == "model_iter_0.solverstate"


def test_layers_are_closed_with_the_last_of_a_solver():
    """Files are whole then, and threads at their end."""
    solver = caffe.get_solver("solver.prototxt")
    closed, net = [], solver.net
    for step in net.engine.steps:
        step.layer.close = lambda name=step.name: closed.append(name)
    del solver, step
    gc.collect()
    assert closed == []
    net.forward()
    del net
    gc.collect()
    assert closed == ["data", "conv", "ip", "loss"]


@pytest.mark.parametrize("kind", ["BINARYPROTO", "HDF5"])
def test_both_ways_to_restore(kind):
    write(f"snapshot_format: {kind} snapshot: 3")
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(5)
    state = "model_iter_3.solverstate" + ".h5" * (kind == "HDF5")
    restored = caffe.SGDSolver("solver.prototxt")
    restored.restore(state)
    assert restored.iter == 3
    restored.step(2)
    assert same(parameters(solver), parameters(restored))
    solver.step(2)
    solved = caffe.SGDSolver("solver.prototxt")
    solved.solve(state)
    assert solved.iter == 7
    assert same(parameters(solver), parameters(solved))


def test_a_state_that_is_none(solver):
    solver.step(1)
    solver.net.save("weights.caffemodel")
    before = parameters(solver)
    with pytest.raises(PrototxtError):
        solver.restore("nope.solverstate")
    with pytest.raises(MinicaffeError, match=r"weights\.caffemodel"):
        solver.restore("weights.caffemodel")
    assert (solver.iter, same(before, parameters(solver))) == (1, True)
    solver.step(1)
    assert solver.iter == 2


def test_a_state_of_another_kind_of_solver(solver):
    caffe.AdamSolver("solver.prototxt").snapshot()
    with pytest.raises(WeightsError, match=r"history blobs, expected .* SGD"):
        solver.restore("model_iter_0.solverstate")


@pytest.mark.parametrize("name", ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"])
def test_the_six_classes(name):
    cls = getattr(caffe, f"{name}Solver")
    write("momentum: 0" if name in ("AdaGrad", "RMSProp") else "momentum: 0.9")
    by_class = cls("solver.prototxt")
    write(f'type: "{name}"')
    by_file = caffe.get_solver("solver.prototxt")
    assert type(by_file) is cls
    assert by_class.param.type == name
    for solver in (by_class, by_file):
        solver.step(3)
    assert same(parameters(by_class), parameters(by_file))


@pytest.mark.parametrize("name", ["AdamW", "LARS"])
def test_rules_beyond_the_original(name):
    write(f'type: "{name}"')
    solver = caffe.get_solver("solver.prototxt")
    assert type(solver) is Solver
    solver.step(1)
    assert solver.iter == 1


def test_an_unknown_type():
    write('type: "Adm"')
    with pytest.raises(SolverConfigError, match=r"type is 'Adm'.*Adam"):
        caffe.get_solver("solver.prototxt")


def test_the_class_wins_over_the_file(caplog):
    write('type: "Adam"')
    solver = caffe.SGDSolver("solver.prototxt")
    assert "type is 'Adam', but SGDSolver trains with 'SGD'" in caplog.text
    write('type: "SGD"')
    other = caffe.SGDSolver("solver.prototxt")
    for each in (solver, other):
        each.step(3)
    assert same(parameters(solver), parameters(other))


def test_the_mode_of_the_file_is_not_asked():
    write("solver_mode: GPU device_id: 7")
    assert caffe.SGDSolver("solver.prototxt").engine.device.index is None


def test_a_definition_that_is_a_message(folder):
    param = read_solver("solver.prototxt")
    solver = caffe.get_solver(param)
    param.base_lr = 5
    assert solver.lr == pytest.approx(0.01)  # it has a copy
    solver.step(1)
    assert solver.iter == 1
    assert caffe.SGDSolver(param).lr == pytest.approx(5)


@pytest.mark.parametrize(
    ("make", "error", "why"),
    [
        (lambda: caffe.SGDSolver("nope.prototxt"), RuntimeError, "nope.prototxt"),
        (lambda: caffe.get_solver("nope.prototxt"), RuntimeError, "nope.prototxt"),
        (lambda: caffe.SGDSolver("net.prototxt"), PrototxtError, "net.prototxt"),
        (lambda: caffe.SGDSolver(3), TypeError, "int"),
        (lambda: caffe.SGDSolver(write('net: "gone.prototxt"')), PrototxtError, "gone.prototxt"),
        (lambda: caffe.SGDSolver(write('lr_policy: "stpe"')), SolverConfigError, "stpe.*step"),
    ],
)
def test_definitions_that_are_none(make, error, why):
    with pytest.raises(error, match=why):
        make()


def test_paths_are_seen_from_the_working_directory(folder, monkeypatch):
    (folder / "models").mkdir()
    (folder / "solver.prototxt").rename(folder / "models" / "solver.prototxt")
    assert caffe.SGDSolver("models/solver.prototxt").iter == 0
    monkeypatch.chdir(folder / "models")
    with pytest.raises(PrototxtError, match=r"net\.prototxt"):
        caffe.SGDSolver("solver.prototxt")


def test_param_is_the_whole_definition(solver):
    assert solver.param.max_iter == 7
    assert solver.param.display == 100
    assert solver.param.layer_wise_reduce is True
    assert solver.param.base_lr == pytest.approx(0.01)
    assert solver.param.lr_policy == "inv"


def test_the_learning_rate(solver):
    assert solver.lr == pytest.approx(0.01)
    solver.step(5)
    assert solver.lr == pytest.approx(0.01 * (1 + 0.0001 * 5) ** -0.75)


def one_update(solver, gradient):
    """What ``apply_update`` takes off the bias of ip, whose gradient is ``gradient``."""
    bias = solver.net.params["ip"][1]
    before = np.array(bias.data)
    solver.net.clear_param_diffs()
    bias.diff[...] = gradient
    solver.apply_update()
    return before - bias.data


def test_changes_of_param_take_effect():
    write('lr_policy: "fixed" base_lr: 0.5 momentum: 0.5 weight_decay: 0')
    solver = caffe.SGDSolver("solver.prototxt")
    np.testing.assert_allclose(one_update(solver, 1), 0.5)  # v = 0.5
    solver.param.base_lr = 0.25
    assert solver.lr == 0.25
    np.testing.assert_allclose(one_update(solver, 1), 0.25 + 0.5 * 0.5)  # v = 0.5
    solver.param.momentum = 0
    np.testing.assert_allclose(one_update(solver, 1), 0.25)  # v = 0.25
    solver.param.lr_policy, solver.param.gamma = "exp", 0.5
    np.testing.assert_allclose(one_update(solver, 1), 0.25 * 0.5**3)
    solver.param.lr_policy, solver.param.clip_gradients = "fixed", 2
    size = 13**0.5
    np.testing.assert_allclose(one_update(solver, 1), 0.25 * 2 / size, rtol=1e-6)
    solver.param.clip_gradients = -1
    solver.param.iter_size = 4
    np.testing.assert_allclose(one_update(solver, 1), 0.25 / 4)


def test_the_decay_can_change_too():
    write('lr_policy: "fixed" base_lr: 1 momentum: 0 weight_decay: 0')
    solver = caffe.SGDSolver("solver.prototxt")
    bias = solver.net.params["ip"][1]
    bias.data[...] = -4
    np.testing.assert_allclose(one_update(solver, 0), 0)
    solver.param.weight_decay = 0.25
    np.testing.assert_allclose(one_update(solver, 0), -1)
    solver.param.regularization_type = "L1"
    np.testing.assert_allclose(one_update(solver, 0), -0.25)


def test_the_loop_can_change_too(caplog):
    caplog.set_level("INFO", "minicaffe")
    write("display: 0 test_interval: 1000 test_initialization: false average_loss: 1")
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(2)
    caplog.clear()
    solver.param.display, solver.param.test_interval, solver.param.average_loss = 1, 3, 2
    solver.step(2)
    lines = [line for line in caplog.messages if "Iteration" in line]
    assert [line.split(" (")[0].split(",")[0] for line in lines] == [
        *("Iteration 2", "Iteration 2", "Iteration 3", "Iteration 3", "Iteration 3"),
    ]
    assert lines[2] == "Iteration 3, Testing net (#0)"
    assert len(solver.engine.losses) == 2


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("momentum", 1.5, r"momentum is 1\.5"),
        ("lr_policy", "stpe", "stpe"),
        ("iter_size", 0, "iter_size is 0"),
        ("type", "Adam", "type is 'Adam', expected 'SGD' as from the start"),
        ("test_iter", [3, 4], r"test_iter is given 2 time\(s\), expected 1"),
        ("snapshot_prefix", "gone/model", "gone does not"),
    ],
)
@pytest.mark.parametrize("call", ["step", "solve", "apply_update"])
def test_a_change_that_is_refused(solver, field, value, why, call):
    solver.param.snapshot_after_train = True
    solver.step(1)
    before, good = parameters(solver), caffe_pb2.SolverParameter()
    good.CopyFrom(solver.param)
    if isinstance(value, list):
        solver.param.test_iter[:] = value
    else:
        setattr(solver.param, field, value)
    with pytest.raises(SolverConfigError, match=why):
        getattr(solver, call)(*([1] if call == "step" else []))
    assert (solver.iter, same(before, parameters(solver))) == (1, True)
    solver.param.CopyFrom(good)
    solver.step(1)
    assert solver.iter == 2


def test_an_update_of_ones_own():
    write('lr_policy: "fixed" base_lr: 0.01 momentum: 0 weight_decay: 0')
    solver = caffe.SGDSolver("solver.prototxt")
    weights = solver.net.layers[1].blobs[0]
    weights.data[...] = 0
    for blobs in solver.net.params.values():
        for blob in blobs:
            blob.diff[...] = 1
    solver.apply_update()
    np.testing.assert_allclose(weights.data, -0.01)
    assert solver.iter == 1


def test_a_loop_of_ones_own_is_a_step(solver):
    other = caffe.get_solver("solver.prototxt")
    solver.step(3)
    other.test_nets[0].share_with(other.net)
    for batch in range(3):
        if batch == 0:  # the test at the start draws too: both have one source of numbers
            for _ in range(3):
                other.test_nets[0].forward()
        other.net.clear_param_diffs()
        other.net.forward()
        other.net.backward()
        other.apply_update()
    assert other.iter == 3
    assert same(parameters(solver), parameters(other))


def test_an_update_shows_its_rate_as_a_step_does(solver, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver.param.display = 2
    caplog.clear()
    for _ in range(3):
        solver.apply_update()
    assert [line for line in caplog.messages if "lr" in line] == [
        "Iteration 0, lr = 0.01",
        "Iteration 2, lr = 0.0099985",
    ]


def test_callbacks(solver):
    calls = []
    solver.add_callback(lambda: calls.append(("start", solver.iter)), lambda: calls.append("ready"))
    solver.add_callback(lambda: calls.append("second"), lambda: calls.append("last"))
    solver.step(2)
    assert calls == [
        *(("start", 0), "second", "ready", "last"),
        *(("start", 1), "second", "ready", "last"),
    ]


def test_a_callback_between_the_passes_and_the_update(solver):
    """It sees the gradients, and what it does to them counts."""
    seen = []

    def stop_learning():
        for blobs in solver.net.params.values():
            for blob in blobs:
                seen.append(abs(blob.diff).sum())
                blob.diff[...] = 0

    solver.param.weight_decay = 0
    before = parameters(solver)
    solver.add_callback(lambda: None, stop_learning)
    solver.step(1)
    assert max(seen) > 0
    assert same(before, parameters(solver))


def test_a_callback_that_is_an_object(solver):
    class Both:
        def __init__(self):
            self.calls = []

        def on_start(self):
            self.calls.append("start")

        def on_gradients_ready(self):
            self.calls.append("ready")

    class Engines(Callback):
        def __init__(self):
            self.seen = []

        def on_step(self, solver):
            self.seen.append(solver.iteration)

    both, engines = Both(), Engines()
    solver.add_callback(both)
    solver.add_callback(engines)
    solver.step(2)
    assert both.calls == ["start", "ready"] * 2
    assert engines.seen == [1, 2]


@pytest.mark.parametrize("given", [(3,), (lambda: 0, 3), (lambda: 0,), (None, lambda: 0)])
def test_callbacks_that_are_none(solver, given):
    with pytest.raises(TypeError, match="expected a function without arguments"):
        solver.add_callback(*given)
    solver.step(1)


@pytest.mark.parametrize("position", [0, 1])
def test_an_exception_of_a_callback_is_the_users_own(solver, position):
    class MineError(Exception):
        pass

    trouble = [True]

    def fail():
        if trouble[0]:
            raise MineError("stop")

    functions = [lambda: None, lambda: None]
    functions[position] = fail
    solver.add_callback(*functions)
    before = parameters(solver)
    with pytest.raises(MineError):
        solver.step(1)
    assert (solver.iter, same(before, parameters(solver))) == (0, True)
    trouble[0] = False
    solver.step(1)
    assert solver.iter == 1


def test_hooks_of_the_net_run_in_a_step(solver):
    calls = []
    solver.param.test_initialization = False
    solver.net.before_forward(lambda layer: calls.append(("forward", layer)))
    solver.net.after_backward(lambda layer: calls.append(("backward", layer)))
    solver.step(1)
    assert calls == [*(("forward", i) for i in range(4)), *(("backward", i) for i in (3, 2, 1, 0))]


def test_share_weights(solver):
    other = caffe.Net("net.prototxt", caffe.TRAIN)
    solver.share_weights(other)
    other.params["ip"][0].data[...] = 0.125
    assert (solver.net.params["ip"][0].data == 0.125).all()
    solver.step(1)
    assert (other.params["ip"][0].data != 0.125).any()
    np.testing.assert_array_equal(other.params["ip"][0].data, solver.net.params["ip"][0].data)


def test_weights_that_cannot_be_shared(solver):
    Path("other.prototxt").write_text(NET.replace("num_output: 13", "num_output: 12"))
    with pytest.raises(ParamSharingError):
        solver.share_weights(caffe.Net("other.prototxt", caffe.TRAIN))
    solver.step(1)


def test_two_solvers_share_and_take_turns(solver):
    other = caffe.get_solver("solver.prototxt")
    other.share_weights(solver.net)
    for _ in range(2):
        solver.step(1)
        other.step(1)
    assert same(parameters(solver), parameters(other))


def test_surgery_between_steps(solver):
    solver.step(1)
    solver.net.params["ip"][0].data[...] = 0
    solver.net.params["ip"][1].data[...] = 0
    solver.net.forward()
    assert solver.net.blobs["loss"].data == pytest.approx(np.log(13), rel=1e-5)
    solver.step(1)
    assert (solver.net.params["ip"][1].data != 0).any()


def test_the_loss_can_be_followed(solver):
    losses = []
    for _ in range(3):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data))
    assert len(set(losses)) == 3


def test_a_seed_from_the_script():
    write("random_seed: -1")

    def train():
        caffe.set_random_seed(12)
        solver = caffe.get_solver("solver.prototxt")
        solver.step(2)
        return parameters(solver)

    assert same(train(), train())


def test_solvers_in_threads(solver):
    expected = caffe.get_solver("solver.prototxt")
    expected.step(5)
    others = [caffe.get_solver("solver.prototxt") for _ in range(3)]
    threads = [threading.Thread(target=other.step, args=(5,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        assert same(parameters(expected), parameters(other))


@pytest.fixture
def python_handles_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_handles_ctrl_c")
def test_ctrl_c_ends_the_iteration_first(solver):
    class Once(Callback):
        pressed = False

        def on_gradients_ready(self, solver):
            if not self.pressed and solver.iteration == 2:
                self.pressed = True
                signal.raise_signal(signal.SIGINT)

    solver.add_callback(Once())
    with pytest.raises(KeyboardInterrupt):
        solver.step(1000)
    assert solver.iter == 3  # the third update is whole
    solver.step(2)
    assert solver.iter == 5
    other = caffe.get_solver("solver.prototxt")
    other.step(5)
    assert same(parameters(solver), parameters(other))


@pytest.mark.usefixtures("python_handles_ctrl_c")
def test_a_second_ctrl_c_ends_at_once(solver):
    def press():
        if solver.iter == 1:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    solver.add_callback(press, lambda: None)
    with pytest.raises(KeyboardInterrupt):
        solver.step(1000)
    assert solver.iter == 1


@pytest.mark.usefixtures("python_handles_ctrl_c")
def test_ctrl_c_while_solving_keeps_what_there_is(solver, folder):
    solver.param.max_iter = 1000
    solver.param.snapshot_after_train = True
    solver.add_callback(lambda: None, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        solver.solve()
    assert solver.iter == 1
    assert (folder / "model_iter_1.solverstate").is_file()


@pytest.mark.usefixtures("python_handles_ctrl_c")
def test_ctrl_c_in_a_solver_inside_a_solver(solver):
    inner = caffe.get_solver("solver.prototxt")
    inner.param.test_initialization = False
    seen = []

    def train_inner():
        signal.raise_signal(signal.SIGINT)
        try:
            inner.step(1000)
        finally:
            seen.append(inner.iter)

    solver.add_callback(lambda: None, train_inner)
    with pytest.raises(KeyboardInterrupt):
        solver.step(1000)
    assert seen == [1]


def test_a_handler_of_the_scripts_own_stays(solver):
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(solver.iter))
    try:
        solver.add_callback(lambda: signal.raise_signal(signal.SIGINT), lambda: None)
        solver.step(2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught == [0, 1]
    assert solver.iter == 2


def test_an_error_in_the_middle_leaves_a_solver(folder):
    (folder / "moody.py").write_text(
        "import minicaffe as caffe\n"
        "class Moody(caffe.Layer):\n"
        "    mood = 'good'\n"
        "    def reshape(self, bottom, top):\n"
        "        top[0].reshape(*bottom[0].shape)\n"
        "    def forward(self, bottom, top):\n"
        "        if Moody.mood == 'bad':\n"
        "            raise ZeroDivisionError('mine')\n"
        "        top[0].data[...] = bottom[0].data\n"
        "    def backward(self, top, propagate_down, bottom):\n"
        "        bottom[0].diff[...] = top[0].diff\n"
    )
    Path("net.prototxt").write_text(
        NET.replace('bottom: "ip_blob" bottom', 'bottom: "moody" bottom')
        + 'layer { name: "moody" type: "Python" bottom: "ip_blob" top: "moody" '
        'python_param { module: "moody" layer: "Moody" } }'
    )
    text = Path("net.prototxt").read_text()
    loss = text.index('layer { name: "loss"')
    moody = text.index('layer { name: "moody"')
    Path("net.prototxt").write_text(text[:loss] + text[moody:] + text[loss:moody])
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(1)
    before = parameters(solver)
    import moody as module

    module.Moody.mood = "bad"
    with pytest.raises(ZeroDivisionError, match="mine"):
        solver.step(1)
    assert (solver.iter, same(before, parameters(solver))) == (1, True)
    module.Moody.mood = "good"
    solver.step(1)
    assert solver.iter == 2


def test_on_every_device(device, monkeypatch):
    """What is written on the host is there in the next step, and its results come back."""
    monkeypatch.setattr(mode._mode, "device", device)
    write('lr_policy: "fixed" base_lr: 0.5 momentum: 0 weight_decay: 0')
    solver = caffe.get_solver("solver.prototxt")
    bias = solver.net.params["ip"][1]
    bias.data[...] = 7
    solver.net.params["ip"][0].data[...] = 0
    solver.step(1)
    assert (bias.data != 7).all()
    assert bias.data.mean() == pytest.approx(7, abs=0.5)
    np.testing.assert_allclose(one_update(solver, 2), 1, rtol=1e-6)
    bias.data[...] = 9
    solver.snapshot()
    bias.data[...] = 0
    solver.restore("model_iter_2.solverstate")
    np.testing.assert_array_equal(bias.data, np.full(13, 9, np.float32))

    gradients = []

    def freeze():
        gradients.append(abs(bias.diff).sum())
        bias.diff[...] = 0

    solver.net.params["ip"][0].data[...] = 0
    solver.add_callback(lambda: None, freeze)
    solver.step(1)
    assert gradients[0] > 0
    np.testing.assert_array_equal(bias.data, np.full(13, 9, np.float32))
    other = caffe.get_solver("solver.prototxt")
    other.net.params["ip"][1].data[...] = -3
    solver.share_weights(other.net)
    np.testing.assert_array_equal(solver.net.params["ip"][1].data, np.full(13, -3, np.float32))


def test_closed(solver):
    solver.step(1)
    solver.close()
    assert solver.net.params["ip"][0].data.any()
