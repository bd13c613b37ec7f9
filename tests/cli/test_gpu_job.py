"""What a process of ``train -gpu 0,1`` needs of its machine, and what it is called."""

from __future__ import annotations

import pickle
from argparse import Namespace
from types import SimpleNamespace

import pytest

from minicaffe.cli._gpu_job import GpuJob
from minicaffe.errors import DeviceError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from tests.cli.test_device import install

ARGS = Namespace(gpu="1,0", cpu=False, precision="fp32", lenient=False)


def job(gpus):
    param = SolverParameter(net="net.prototxt", max_iter=7)
    return pickle.loads(pickle.dumps(GpuJob(ARGS, param.SerializeToString(), gpus)))


def test_each_has_its_gpu_and_a_name(monkeypatch):
    cupy, used = install(monkeypatch, 2)
    cupy.cuda.nccl = SimpleNamespace(available=True)
    two = job([1, 0])
    assert two.size == 2
    assert [two.device(rank, SolverParameter()).index for rank in range(2)] == [1, 0]
    assert used == [1, 0]
    assert two.name(1) == "GPU 0 (rank 1)"


def test_without_nccl_one_trains_and_two_do_not(monkeypatch):
    cupy, _ = install(monkeypatch, 2)
    cupy.cuda.nccl = SimpleNamespace(available=False)
    assert job([1]).device(0, SolverParameter()).index == 1
    with pytest.raises(DeviceError, match="CuPy has not found NCCL, expected it to join GPUs"):
        job([1, 0]).device(0, SolverParameter())


def test_the_cpu():
    none = job([])
    assert none.size == 1
    assert none.device(0, SolverParameter()).index is None
