"""NCCL, on a stand-in that has the names of the real module and its calls."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.device import Device
from minicaffe.errors import DeviceError, WorkerError
from minicaffe.parallel import nccl
from minicaffe.parallel.launch import together
from minicaffe.parallel.nccl import NcclCommunicator, Ring
from tests import fake_cuda, fake_cupy
from tests.parallel import fake_nccl
from tests.parallel.on_cpu import NET, CpuJob, definition, with_dropout
from tests.parallel.test_cli import all_gone
from tests.parallel.test_launch import alone, arrays

USED = ["NCCL_AVG", "NCCL_SUM", "NCCL_FLOAT32", "NCCL_FLOAT64", "NcclError", "available"]
USED += ["NcclCommunicator", "get_unique_id", "groupStart", "groupEnd"]
CALLS = {
    "bcast": "(self, intptr_t buff, size_t count, int datatype, int root, intptr_t stream)",
    "allReduce": "(self, intptr_t sendbuf, intptr_t recvbuf, size_t count, int datatype, int op, "
    "intptr_t stream)",
    "check_async_error": "(self)",
    "abort": "(self)",
    "destroy": "(self)",
}


def cuda(library=fake_nccl):
    """A device of its own for a thread, whose current stream works at once."""
    current = fake_cuda.Stream(late=False)
    return SimpleNamespace(
        cuda=SimpleNamespace(
            Stream=fake_cuda.Stream,
            Event=fake_cuda.Event,
            get_current_stream=lambda: current,
            nccl=library,
        )
    )


def on_device(array):
    return SimpleNamespace(
        data=SimpleNamespace(ptr=array.ctypes.data), size=array.size, dtype=array.dtype
    )


def in_threads(size, run):
    uid, errors = fake_nccl.get_unique_id(), []

    def work(rank):
        try:
            run(Ring(cuda(), size, rank, uid), rank)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def three():
    """Of three ranks: a float32 and a float64 array each."""
    return [[np.full((2, 3), 10.0**n, "f"), np.arange(4.0) + n] for n in range(3)]


def test_rank_0s_arrays_everywhere(three):
    def run(ring, rank):
        ring.broadcast([on_device(array) for array in three[rank]])
        ring.finish()
        ring.close()

    in_threads(3, run)
    for pair in three:
        np.testing.assert_array_equal(pair[0], np.ones((2, 3)))
        np.testing.assert_array_equal(pair[1], np.arange(4))


@pytest.mark.parametrize("mean", [False, True])
def test_sums_are_there_once_they_are_waited_for(three, mean):
    before = [array.copy() for array in three[0]]
    seen = threading.Barrier(3)

    def run(ring, rank):
        ring.reduce([on_device(array) for array in three[rank]], mean=mean)
        seen.wait(20)
        if rank == 0:  # the stream is late, and what is computed meanwhile is not held up
            np.testing.assert_array_equal(three[0][0], before[0])
        seen.wait(20)
        ring.finish()
        ring.check()
        ring.close()

    in_threads(3, run)
    for pair in three:
        np.testing.assert_allclose(pair[0], np.full((2, 3), 37 if mean else 111))
        np.testing.assert_allclose(pair[1], np.arange(4) * (1 if mean else 3) + (1 if mean else 3))


def test_what_nccl_says(three):
    with pytest.raises(WorkerError, match=r"NCCL: .*invalid argument; NCCL_DEBUG=INFO"):
        Ring(cuda(), 2, 1, b"short")


def test_without_nccl():
    with pytest.raises(DeviceError, match=r"CuPy has not found NCCL.*pip install nvidia-nccl-cu12"):
        Ring(cuda(SimpleNamespace(available=False)), 2, 0, b"")


def test_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert nccl.has_nccl() is False
    with pytest.raises(DeviceError, match="CuPy is not installed"):
        nccl.new_uid()


class FakeGpuJob(CpuJob):
    """On stand-ins for GPUs, over the one for NCCL."""

    def device(self):
        fake_cuda.nccl = fake_nccl
        return Device(fake_cupy, 0, np.random.default_rng())

    def join(self, links, solver):
        return NcclCommunicator(links, solver.device.xp)


@pytest.mark.parametrize("text", ["", "layer_wise_reduce: false"])
def test_two_gpus_make_the_steps_of_one_with_the_whole_batch(text, tmp_path, monkeypatch):
    monkeypatch.setattr(fake_cuda, "nccl", fake_nccl, raising=False)
    alone(definition(tmp_path, 16, text), tmp_path / "alone")
    (tmp_path / "two").mkdir()
    job = FakeGpuJob(definition(tmp_path, 8, text), record=str(tmp_path / "two"))
    with together(job) as solver:
        solver.step(4)
    for iteration in (1, 4):
        expected = arrays(tmp_path / "alone", 0, iteration)
        for rank in range(2):
            found = arrays(tmp_path / "two", rank, iteration)
            for name in expected:
                if name.startswith("param"):
                    np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("how", ["ours", "kill", "late ours", "late kill"])
def test_a_gpu_that_fails_ends_all(how, tmp_path):
    """Also where this process is held by its device, which waits for the other for ever."""
    net = with_dropout()
    job = FakeGpuJob(definition(tmp_path, 8, "max_iter: 100000", net), fails=(1, how))
    with pytest.raises(WorkerError, match=r"rank 1: (the wheel|was killed)"), together(job) as two:
        two.step(100000)


def killed(folder):
    os.setsid()
    job = FakeGpuJob(definition(folder, 8, "max_iter: 100"), fails=(0, "late kill"))
    with together(job) as two:
        two.step(100)


def test_rank_0_that_is_killed_while_a_device_waits_for_it(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=killed, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert all_gone(process.pid)


TEST = """test_iter: 1 test_interval: 3 test_initialization: false test_net_param {
  layer { name: "ones" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 } } } }"""


@pytest.mark.parametrize(
    ("text", "steps", "before"),
    [
        ("display: 2", 100, 4),
        ("display: 0 snapshot: 3", 100, 3),
        (f"display: 0 {TEST}", 100, 3),
        ("display: 0", 3, 3),
    ],
    ids=["display", "snapshot", "test", "end"],
)
def test_a_label_that_is_no_class_on_another_rank(text, steps, before, tmp_path):
    """A recorded step only notes it; the rank looks whenever rank 0 looks at its own."""
    net = NET.replace("num_output: 3", "num_output: 2").replace("BATCH", "1")
    job = FakeGpuJob(definition(tmp_path, 1, f"max_iter: 100 {text}", net), size=3)
    seen = []

    def run():
        with together(job) as three:
            seen.append(three)
            three.step(steps)

    with pytest.raises(WorkerError, match=r"rank 2: .*'loss'.*label 2 at"):
        run()
    assert seen[0].iteration <= before
    assert not list(tmp_path.glob("small_iter*"))


@pytest.mark.parametrize("how", ["late ours", "late kill"])
def test_what_an_aborted_device_has_computed_is_not_written(how, tmp_path):
    param = definition(tmp_path, 8, "max_iter: 100 snapshot: 1", with_dropout())
    job = FakeGpuJob(param, fails=(1, how))
    with pytest.raises(WorkerError), together(job) as two:
        two.step(100)
    names = sorted(path.name for path in tmp_path.glob("*.solverstate"))
    assert names == ["small_iter_1.solverstate", "small_iter_2.solverstate"]


def test_the_stand_in_has_the_names_of_the_real_module():
    pytest.importorskip("cupy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        from cupy.cuda import nccl as real
    if not real.available:
        pytest.skip("CuPy has not found NCCL")
    for name in USED:
        assert hasattr(real, name), name
        assert hasattr(fake_nccl, name), name
    for name, signature in CALLS.items():
        assert f"{name}{signature}" in getattr(real.NcclCommunicator, name).__doc__
    assert isinstance(real.get_unique_id(), bytes)
    assert len(real.get_unique_id()) == 128
