"""Processes that train together on the CPU: the same code as on GPUs, but for what ties them."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from minicaffe.device import cpu
from minicaffe.errors import SolverError, WorkerError
from minicaffe.ops.dispatch import reference_bodies
from minicaffe.parallel.launch import together
from minicaffe.solver import Solver
from tests.parallel.on_cpu import NET, CpuJob, Record, definition, with_dropout


@pytest.fixture(autouse=True)
def _reference(monkeypatch):
    """No kernel to load, in this process and in those that it starts."""
    monkeypatch.setenv("MINICAFFE_REFERENCE_BODIES", "1")
    with reference_bodies():
        yield


def alone(param, folder):
    folder.mkdir()
    solver = Solver(param, cpu())
    solver.callbacks.append(Record(str(folder), 0))
    solver.step(param.max_iter)
    solver.close()


def in_ranks(param, folder, start=lambda solver: None, **options):
    folder.mkdir()
    with together(CpuJob(param, record=str(folder), **options), start) as solver:
        solver.step(param.max_iter - solver.iteration)


def arrays(folder, rank, iteration):
    with np.load(folder / f"rank{rank}_{iteration}.npz") as file:
        return dict(file)


@pytest.mark.parametrize("text", ["", "layer_wise_reduce: false", "iter_size: 2 clip_gradients: 1"])
def test_two_halves_of_a_batch_are_the_batch(text, tmp_path):
    alone(definition(tmp_path, 16, text), tmp_path / "alone")
    in_ranks(definition(tmp_path, 8, text), tmp_path / "two")
    last = 4
    for iteration in (1, last):
        expected = arrays(tmp_path / "alone", 0, iteration)
        ranks = [arrays(tmp_path / "two", rank, iteration) for rank in range(2)]
        for name in expected:
            if name.startswith("param"):
                assert (ranks[0][name] == ranks[1][name]).all()
                np.testing.assert_allclose(ranks[0][name], expected[name], rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(  # records are dealt out in turn
            np.stack([rank["data"] for rank in ranks], 1).reshape(16, 1, 5, 6), expected["data"]
        )


def test_what_is_random_differs_between_ranks_and_goes_on_in_a_resumed_run(tmp_path):
    net = with_dropout(NET)
    text = "max_iter: 5 snapshot: 3 gradient_noise: 0.01"
    in_ranks(definition(tmp_path, 8, text, net), tmp_path / "whole")
    state = tmp_path / "small_iter_3.solverstate"
    in_ranks(
        definition(tmp_path, 8, text + " random_seed: 77", net),
        tmp_path / "resumed",
        lambda solver: solver.restore(state),
    )
    masks = set()
    for rank in range(2):
        for iteration in range(1, 6):
            found = arrays(tmp_path / "whole", rank, iteration)
            masks.add(found["mask"].tobytes())
            for name, array in found.items():
                if iteration > 3:
                    other = arrays(tmp_path / "resumed", rank, iteration)[name]
                    np.testing.assert_array_equal(array, other)
    assert len(masks) == 10
    for iteration in range(1, 6):  # noise was the same for both: so are the parameters
        ranks = [arrays(tmp_path / "whole", rank, iteration) for rank in range(2)]
        assert (ranks[0]["param0"] == ranks[1]["param0"]).all()
    assert sorted(path.name for path in tmp_path.glob("small_*")) == [
        "small_iter_3.caffemodel",
        "small_iter_3.solverstate",
    ]


def test_a_plateau_is_rank_0s_to_see(tmp_path):
    text = 'test_iter: 1 test_interval: 1 lr_policy: "plateau" gamma: 0.01 plateau_patience: 1'
    in_ranks(definition(tmp_path, 8, f"{text} base_lr: 30 max_iter: 6"), tmp_path / "two")
    steps = []
    for iteration in range(1, 7):
        one, other = (arrays(tmp_path / "two", rank, iteration) for rank in range(2))
        assert (one["param0"] == other["param0"]).all()
        assert one["steps"] == other["steps"]
        steps.append(int(one["steps"][0]))
    assert steps[0] == 0 < steps[-1]


def test_three(tmp_path):
    in_ranks(definition(tmp_path, 4), tmp_path / "three", size=3)
    numbers = [arrays(tmp_path / "three", rank, 1)["data"] for rank in range(3)]
    alone(definition(tmp_path, 12), tmp_path / "alone")
    np.testing.assert_array_equal(
        np.stack(numbers, 1).reshape(12, 1, 5, 6), arrays(tmp_path / "alone", 0, 1)["data"]
    )


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("ours", "rank 1: the wheel has come off"),
        ("other", "rank 1: KeyError: 'oops'"),
        ("kill", "rank 1: was killed by SIGKILL"),
        ("exit", "rank 1: has ended with exit code 3"),
    ],
)
def test_a_rank_that_fails_ends_all(how, message, tmp_path):
    param = definition(tmp_path, 8, "max_iter: 100000")
    with pytest.raises(WorkerError, match=message) as caught:
        in_ranks(param, tmp_path / "two", fails=(1, how))
    assert caught.value.rank == 1
    assert not multiprocessing.active_children()


def test_rank_0_that_fails_ends_all(tmp_path):
    with pytest.raises(SolverError, match="the wheel has come off"):
        in_ranks(definition(tmp_path, 8), tmp_path / "two", fails=(0, "ours"))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_cannot_build(rank, tmp_path):
    kind = WorkerError if rank else SolverError
    with pytest.raises(kind, match="no place to build on"):
        in_ranks(definition(tmp_path, 8), tmp_path / "two", fails_to_build=rank)
    assert not multiprocessing.active_children()


def interrupt(solver):
    solver.step(2)
    raise KeyboardInterrupt


def test_a_second_interrupt_ends_all_at_once(tmp_path):
    job = CpuJob(definition(tmp_path, 8, "max_iter: 100000"))
    with pytest.raises(KeyboardInterrupt), together(job) as solver:
        interrupt(solver)
    assert not multiprocessing.active_children()
