"""Several GPUs, where there are; on one, a ring of one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from minicaffe.parallel.nccl import Ring, has_nccl, new_uid

pytestmark = pytest.mark.gpu

SOLVER = """
net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 max_iter: 20 display: 5
snapshot_prefix: "two" random_seed: 3 solver_mode: GPU
"""
NET = """
layer { name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 16 dim: 3 dim: 32 dim: 32 } shape { dim: 16 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "y"
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
layer { name: "ip" type: "InnerProduct" bottom: "y" top: "ip"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "t" top: "loss" }
"""


@pytest.fixture
def nccl(real):
    if not has_nccl():
        pytest.skip("needs NCCL: pip install nvidia-nccl-cu12")
    return real


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_ring_of_one(nccl, dtype):
    ring = Ring(nccl, 1, 0, new_uid())
    arrays = [nccl.arange(6, dtype=dtype).reshape(2, 3), nccl.ones(1000, dtype)]
    before = [array.get() for array in arrays]
    ring.broadcast(arrays)
    for mean in (False, True):
        ring.reduce(arrays, mean=mean)
        ring.finish()
        ring.check()
    for array, expected in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array.get(), expected)
    ring.close()


def run(folder, *argv):
    (folder / "solver.prototxt").write_text(SOLVER)
    (folder / "net.prototxt").write_text(NET)
    command = [sys.executable, "-m", "minicaffe", "train", "solver.prototxt", *argv]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.mark.parametrize("flags", [[], ["-gpu", "0", "--precision", "tf32"]])
def test_the_command_on_one(flags, real, tmp_path):
    del real
    done = run(tmp_path, *flags)
    assert done.returncode == 0, done.stderr
    assert "Using GPUs 0" in done.stderr
    assert (tmp_path / "two_iter_20.solverstate").exists()


def test_a_gpu_that_is_not_there(real, tmp_path):
    count = real.cuda.runtime.getDeviceCount()
    done = run(tmp_path, "-gpu", str(count))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"minicaffe: error: -gpu {count}: device is '{count}', expected all, or")


@pytest.mark.parametrize("more", ["", "layer_wise_reduce: false"])
def test_the_command_on_two(more, nccl, tmp_path):
    if nccl.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("needs two CUDA devices")
    (tmp_path / "solver.prototxt").write_text(SOLVER + more)
    done = run(tmp_path, "-gpu", "0,1")
    assert done.returncode == 0, done.stderr
    assert "Using GPUs 0, 1" in done.stderr
    assert (tmp_path / "two_iter_20.solverstate").exists()
