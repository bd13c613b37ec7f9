"""A card's memory: given back, and refused in words where there is none."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import Device
from minicaffe.errors import DeviceError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from tests.gpu.digits import make, train

pytestmark = pytest.mark.gpu

BIG = """
layer { name: "data" type: "Input" top: "x"
  input_param { shape { dim: %d dim: 64 dim: 224 dim: 224 } } }
layer { name: "big" type: "Convolution" bottom: "x" top: "y"
  convolution_param { num_output: 64 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
"""


def used(xp):
    gc.collect()
    return xp.get_default_memory_pool().used_bytes()


def test_a_solver_that_is_gone_gives_its_memory_back(gpu, xp):
    solver = make(gpu)
    train(solver, 2)
    solver.close()
    del solver
    before = used(xp)
    for _ in range(3):
        solver = make(gpu)
        train(solver, 5)
        assert used(xp) > before
        solver.close()
        del solver
        assert used(xp) <= before + (1 << 20)


def test_steps_take_no_more_memory(gpu, xp):
    solver = make(gpu)
    train(solver, 6)
    before = used(xp)
    train(solver, 10)
    assert used(xp) == before


def forward(batch, device):
    net = Net(text_format.Parse(BIG % batch, NetParameter()), device=device)
    net.forward()
    return net


def test_a_net_that_does_not_fit(real):
    free, _ = real.cuda.runtime.memGetInfo()
    batch = free // (64 * 224 * 224 * 4) + 8
    device = Device(real, 0, np.random.default_rng(1))
    with pytest.raises(DeviceError, match=r"GiB"):
        forward(batch, device)
    gc.collect()
    real.get_default_memory_pool().free_all_blocks()
    net = Net(
        text_format.Parse(BIG % 1, NetParameter()), device=device
    )  # and the card is as before
    net.forward()
    assert np.isfinite(net.blobs["y"].data.get()).all()
