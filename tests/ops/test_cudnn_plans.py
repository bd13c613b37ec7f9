"""Which plan of cuDNN's runs, and what is kept; see ``tests.cudnn_on_cpu``."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import choice, cudnn_plans
from minicaffe.ops import convolution_cuda as body
from minicaffe.ops.convolution import Window
from tests import fake_cudnn
from tests.cuda_on_cpu import host
from tests.cudnn_on_cpu import STREAM, Memory, cudnn_on_cpu, forget
from tests.fake_cudnn import FakePlan

WINDOW = Window((2, 1), (1, 2), (1, 0), (1, 1))


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def cupy(kernels, tmp_path):
    with cudnn_on_cpu(kernels, tmp_path) as module:
        yield module


@pytest.fixture
def cudnn(cupy):
    """The stand-in's state."""
    return fake_cudnn.state


def convolve(cupy, images=2, bias=None, relu=False):
    """A convolution of ones, each result of which is 3 times 1 or 2 taps, and the bias."""
    x, w = cupy.asarray(np.ones((images, 3, 4, 5), np.float32)), np.ones((2, 3, 2, 1), np.float32)
    y = cupy.asarray(np.zeros((images, 2, 5, 3), np.float32))
    given = None if bias is None else cupy.asarray(np.full(2, bias, np.float32))
    body.convolution(x, cupy.asarray(w), given, y, WINDOW, relu)
    plain = np.full((images, 2, 5, 3), 6, np.float32)
    plain[:, :, [0, -1]] = 3
    plain = plain if bias is None else plain + np.float32(bias)
    np.testing.assert_array_equal(host(y), np.maximum(plain, 0) if relu else plain)


def test_the_fastest_runs_from_then_on(cupy, cudnn):
    cudnn.plans = [FakePlan("eng1", milliseconds=3), FakePlan("eng2"), FakePlan("eng3", (), 0, 2)]
    convolve(cupy)
    assert cudnn.runs[-1] == "eng2"
    assert set(cudnn.runs) == {"eng1", "eng2", "eng3"}
    count = len(cudnn.runs)
    convolve(cupy)
    assert cudnn.runs[count:] == ["eng2"]
    assert len(cudnn.built) == 1


def test_what_is_chosen_is_not_asked_for_again(cupy, cudnn, monkeypatch):
    convolve(cupy)
    monkeypatch.setattr(cudnn_plans, "_choose", lambda *args: pytest.fail("it is"))
    monkeypatch.setattr(cudnn_plans, "_find", lambda *args: pytest.fail("it is"))
    convolve(cupy)
    assert len(cudnn.prepared) == 1


def test_every_shape_has_its_own_graph(cupy, cudnn):
    for images in (2, 3, 2, 3):
        convolve(cupy, images)
    assert [graph.steps[0][1]["image"].dim[0] for graph in cudnn.built] == [2, 3]


def test_what_was_chosen_is_kept_on_disk(cupy, cudnn, tmp_path):
    cudnn.plans = [FakePlan("eng1", milliseconds=3), FakePlan("eng2"), FakePlan("eng3")]
    convolve(cupy)
    forget()
    cudnn.runs.clear()
    cudnn.prepared.clear()
    convolve(cupy)
    assert cudnn.runs == ["eng2"]
    assert cudnn.prepared == ["eng2"]
    (table,) = tmp_path.rglob("*.json")
    assert "a card, cuDNN 90100" in table.read_text()


@pytest.mark.parametrize("change", ["version", "gone", "unbuilt"])
def test_what_was_chosen_and_holds_no_longer(cupy, cudnn, change):
    cudnn.plans = [FakePlan("eng1", milliseconds=3), FakePlan("eng2")]
    convolve(cupy)
    forget()
    cudnn.runs.clear()
    cudnn.plans = [FakePlan("eng1"), FakePlan("eng2", milliseconds=4)]
    if change == "version":
        cudnn.version += 1
    elif change == "gone":
        cudnn.plans[1].name = "eng4"
    else:
        cudnn.plans[1].fails = "build"
    convolve(cupy)
    assert cudnn.runs[-1] == "eng1"


def test_deterministic_takes_the_first_that_can_be_had(cupy, cudnn, tmp_path):
    choice.deterministic(True)
    cudnn.plans = [FakePlan("eng1", fails="build"), FakePlan("eng2", (), 0, 9), FakePlan("eng3")]
    convolve(cupy)
    convolve(cupy)
    assert cudnn.runs == ["eng2", "eng2"]
    assert cudnn.prepared == ["eng2"]
    assert not list(tmp_path.rglob("*.json"))


def test_workspace_has_a_limit(cupy, cudnn):
    choice.deterministic(True)
    cudnn.plans = [FakePlan("eng1", workspace=2**28 + 10**6), FakePlan("eng2", workspace=2**28)]
    convolve(cupy)
    assert cudnn.runs == ["eng2"]


def test_nothing_is_timed_while_a_stream_is_captured(cupy, cudnn):
    cudnn.plans = [FakePlan("eng1", milliseconds=3), FakePlan("eng2")]
    cupy.stream.capturing = True
    convolve(cupy)
    assert cudnn.runs == ["eng1"]
    cupy.stream.capturing = False
    convolve(cupy)
    assert cudnn.runs[-1] == "eng2"


@pytest.mark.parametrize(
    "bad",
    [
        FakePlan("eng1", milliseconds=0.1, fails="build"),
        FakePlan("eng1", milliseconds=0.1, fails="run"),
        FakePlan("eng1", milliseconds=0.1, workspace=2**40),
        FakePlan("eng1", ("NONDETERMINISTIC",), milliseconds=0.1),
    ],
    ids=["build", "run", "workspace", "note"],
)
def test_a_plan_that_cannot_be_used_is_out(cupy, cudnn, bad):
    cudnn.plans = [bad, FakePlan("eng2")]
    convolve(cupy)
    assert cudnn.runs[-1] == "eng2"


def test_plans_that_are_timed_are_some(cupy, cudnn):
    cudnn.plans = [FakePlan(f"eng{n}", milliseconds=20 - n) for n in range(12)]
    convolve(cupy)
    assert cudnn.runs[-1] == f"eng{cudnn_plans._MOST - 1}"
    assert len(cudnn.prepared) == cudnn_plans._MOST


@pytest.mark.parametrize(("bias", "relu"), [(-5.0, True), (-5.0, False), (None, True)])
@pytest.mark.parametrize("fused", ["faster", "slower", "none"])
def test_what_is_fused_where_that_is_faster(cupy, cudnn, fused, bias, relu):
    cudnn.plans = [FakePlan("eng1", milliseconds=2)]
    times = {"faster": [1.0], "slower": [3.0], "none": []}
    cudnn.fused_plans = [FakePlan("eng9", milliseconds=time) for time in times[fused]]
    convolve(cupy, bias=bias, relu=relu)
    more = bias is not None  # cuDNN has no plan for a ReLU without one
    assert cudnn.runs[-1] == ("eng9" if fused == "faster" and more else "eng1")
    convolve(cupy, bias=bias, relu=relu)


BAD_RELUS = [
    FakePlan("eng8", milliseconds=0.1, relu="hides NaN"),
    FakePlan("eng8", milliseconds=0.1, relu="finite"),
    FakePlan("eng8", milliseconds=0.1, fails="run"),
]


def steps_of_runs(cudnn):
    """Of the graphs that were made, how many steps each has."""
    return [len(graph.steps) for graph in cudnn.built]


@pytest.mark.parametrize("is_deterministic", [False, True])
@pytest.mark.parametrize("bad", BAD_RELUS, ids=["NaN", "infinity", "run"])
def test_a_relu_that_hides_what_has_gone_wrong_is_out(cupy, cudnn, bad, is_deterministic):
    choice.deterministic(is_deterministic)
    cudnn.plans = [FakePlan("eng1", milliseconds=2)]
    cudnn.relu_plans = [bad, FakePlan("eng9", milliseconds=1)]
    convolve(cupy, bias=-5.0, relu=True)
    assert cudnn.runs[-1] == "eng9"
    before = len(cudnn.runs)
    convolve(cupy, bias=-5.0, relu=True)
    assert cudnn.runs[before:] == ["eng9"]  # it is not looked at again


@pytest.mark.parametrize("is_deterministic", [False, True])
def test_the_bias_alone_is_fused_where_no_relu_keeps_nan(cupy, cudnn, is_deterministic):
    choice.deterministic(is_deterministic)
    cudnn.plans = [FakePlan("eng1", milliseconds=2)]
    cudnn.relu_plans, cudnn.fused_plans = BAD_RELUS[:2], [FakePlan("eng5", milliseconds=1)]
    convolve(cupy, bias=-5.0, relu=True)
    assert cudnn.runs[-1] == "eng5"
    assert steps_of_runs(cudnn) == [3, 2] if is_deterministic else [3, 2, 1]


def test_a_relu_that_has_been_seen_is_known_to_a_new_process(cupy, cudnn):
    cudnn.plans = [FakePlan("eng1", milliseconds=2)]
    cudnn.relu_plans = [FakePlan("eng9")]
    convolve(cupy, bias=-5.0, relu=True)
    forget()
    cudnn.runs.clear()
    cupy.stream.capturing = True
    convolve(cupy, bias=-5.0, relu=True)
    assert cudnn.runs == ["eng9"]


def test_a_relu_that_has_not_been_seen_does_not_run_while_a_stream_is_captured(cupy, cudnn):
    cudnn.plans = [FakePlan("eng1", milliseconds=2)]
    cudnn.relu_plans, cudnn.fused_plans = [FakePlan("eng9")], [FakePlan("eng5")]
    cupy.stream.capturing = True
    convolve(cupy, bias=-5.0, relu=True)
    assert cudnn.runs == ["eng5"]


def test_without_a_plan_that_is_sure_there_is_none(cupy, cudnn):
    cudnn.plans, cudnn.fused_plans, cudnn.relu_plans = [], [], [FakePlan("eng9")]
    convolve(cupy, bias=-5.0, relu=True)
    assert not cudnn.runs


def test_workspace_is_as_large_as_the_plan_says(cupy, cudnn):
    cudnn.plans = [FakePlan("eng1", workspace=1000)]
    convolve(cupy)
    assert set(Memory.taken) == {1000}


def test_it_runs_on_the_current_stream(cupy, cudnn):
    convolve(cupy)
    assert cudnn.streams == [STREAM]
    cupy.stream.ptr = STREAM + 1
    convolve(cupy)
    convolve(cupy)
    assert cudnn.streams == [STREAM, STREAM + 1]
