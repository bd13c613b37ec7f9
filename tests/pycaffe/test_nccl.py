"""NCCL in scripts as python/train.py is one: a process a GPU, here on stand-ins for both."""

from __future__ import annotations

import multiprocessing
import sys

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.device import Device
from minicaffe.errors import DeviceError
from minicaffe.pycaffe import mode
from tests import fake_cuda, fake_cupy
from tests.parallel import fake_nccl
from tests.parallel.on_cpu import definition
from tests.parallel.test_launch import alone, arrays


def test_a_script_that_asks_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert caffe.has_nccl() is False
    with pytest.raises(DeviceError, match="CuPy is not installed"):
        caffe.NCCL.new_uid()


def test_a_solver_on_the_cpu(tmp_path):
    solver = caffe.SGDSolver(definition(tmp_path, 4))
    with pytest.raises(DeviceError, match=r"on the CPU, expected a GPU: set_device\(n\)"):
        caffe.NCCL(solver, b"uid")
    solver.close()


def work(folder, rank, uid, param):
    """What python/train.py does in each process."""
    param = caffe.proto.caffe_pb2.SolverParameter.FromString(param)
    fake_cuda.nccl = fake_nccl
    mode.use(Device(fake_cupy, rank, np.random.default_rng(rank)))
    caffe.set_solver_count(2)
    caffe.set_solver_rank(rank)
    caffe.set_multiprocess(True)
    solver = caffe.SGDSolver(param)
    nccl = caffe.NCCL(solver, uid)
    nccl.bcast()
    solver.add_callback(nccl)
    solver.net.after_backward(nccl)
    solver.step(param.max_iter)
    parameters = solver.engine.net.params
    found = {f"param{i}": each.blob.data.get() for i, each in enumerate(parameters)}
    np.savez(f"{folder}/rank{rank}_4.npz", **found, chance=solver.engine.device.rng.random())
    solver.close()


def test_two_processes_make_the_steps_of_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAFFE_REFERENCE_BODIES", "1")
    tests = "test_iter: 1 test_interval: 1 snapshot: 2"
    alone(definition(tmp_path, 16), tmp_path / "alone")
    param = definition(tmp_path, 8, tests).SerializeToString()
    context, uid = multiprocessing.get_context("spawn"), fake_nccl.get_unique_id()
    processes = [
        context.Process(target=work, args=(tmp_path, rank, uid, param)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    expected = arrays(tmp_path / "alone", 0, 4)
    ranks = [arrays(tmp_path, rank, 4) for rank in range(2)]
    for name in expected:
        if name.startswith("param"):
            for found in ranks:
                np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7)
    assert ranks[0]["chance"] != ranks[1]["chance"]


def test_a_rank_that_there_is_not(tmp_path, monkeypatch):
    before = dict(vars(mode._mode))
    monkeypatch.setattr(fake_cuda, "nccl", fake_nccl, raising=False)
    try:
        mode.use(Device(fake_cupy, 0, np.random.default_rng(1)))
        caffe.set_solver_rank(1)
        solver = caffe.SGDSolver(definition(tmp_path, 4))
        with pytest.raises(DeviceError, match=r"set_solver_rank\(1\) of set_solver_count\(1\)"):
            caffe.NCCL(solver, b"uid")
        solver.close()
    finally:
        vars(mode._mode).update(before)
