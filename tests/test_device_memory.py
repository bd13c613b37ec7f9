"""Memory of a card: what a net takes, shares, and gives back."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.buffers import share_all
from minicaffe.device import Device
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from tests import fake_cuda, fake_cupy
from tests.test_transfers import NETS


def net_of(name, batch=4):
    text = NETS[name].replace("dim: 4 dim: 2 dim: 12", f"dim: {batch} dim: 2 dim: 12")
    text = text.replace("shape { dim: 4 }", f"shape {{ dim: {batch} }}")
    device = Device(fake_cupy, 0, np.random.default_rng(1))
    return Net(text_format.Parse(text, NetParameter()), device=device)


def run(net):
    loss = float(net.forward())
    net.clear_param_diffs()
    net.backward()
    return loss


@pytest.fixture
def used():
    """Bytes in use since the test's start."""
    gc.collect()
    before = fake_cuda.default_pool.used_bytes()
    return lambda: fake_cuda.default_pool.used_bytes() - before


@pytest.mark.parametrize("name", NETS)
def test_a_net_that_is_deleted_gives_its_memory_back(name, used):
    net = net_of(name)
    run(net)
    assert used() > 1000
    seen = weakref.ref(net)
    net.close()
    gc.disable()  # it must not wait for the collector
    try:
        del net
        assert seen() is None
        assert used() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["lenet", "random"])
def test_blobs_share_an_arena(name, used):
    net = net_of(name, batch=64)
    losses = [run(net) for _ in range(3)]
    gradients = [param.blob.diff.get() for param in net.params]
    apart = used()
    lean = net_of(name, batch=64)
    arena = share_all(lean)
    assert [run(lean) for _ in range(3)] == losses
    for param, expected in zip(lean.params, gradients, strict=True):
        np.testing.assert_array_equal(param.blob.diff.get(), expected)
    assert arena.saved > 0
    assert used() - apart <= apart - 0.9 * arena.saved < 0.9 * apart


def test_what_a_test_net_shares_it_does_not_take(used):
    net = net_of("lenet")
    run(net)
    other = net_of("lenet")
    params = sum(param.blob.data.nbytes for param in net.params)
    before = used()
    other.share_weights(net)
    for step, twin in zip(other.steps, net.steps, strict=True):
        for blob, shared in zip(step.layer.blobs, twin.layer.blobs, strict=True):
            shared.data[...] = 3
            assert (blob.data.get() == 3).all()
    assert before - used() >= params
