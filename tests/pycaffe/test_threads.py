"""Nets in several threads at once, each with its own, on compiled kernels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minicaffe as caffe

NET = """
force_backward: true
input: "data" input_shape { dim: 6 dim: 3 dim: 17 dim: 19 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 8 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" lrn_param { local_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "norm" top: "norm" }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool"
        pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "wino" type: "Convolution" bottom: "pool" top: "wino"
        convolution_param { num_output: 5 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "wino" top: "bn"
        batch_norm_param { use_global_stats: false } }
layer { name: "ip" type: "InnerProduct" bottom: "bn" top: "ip"
        inner_product_param { num_output: 9 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
THREADS, ROUNDS = 4, 25


def run(net, seed):
    """What a net makes of inputs of its own, round after round; its gradients too."""
    rng = np.random.default_rng(seed)
    results = []
    for batch in rng.integers(2, 7, ROUNDS):
        net.blobs["data"].reshape(batch, 3, 17, 19)
        x, dy = rng.standard_normal((batch, 3, 17, 19)), rng.standard_normal((batch, 9))
        results.append(net.forward(data=x)["prob"].copy())
        net.clear_param_diffs()
        results.append(net.backward(prob=dy)["data"].copy())
        results.append(net.params["conv"][0].diff.copy())
    return results


def assert_equal(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [False, True])
def test_each_thread_gets_what_it_would_alone(written, share):
    path = written(NET)
    nets = [caffe.Net(path, caffe.TRAIN) for _ in range(THREADS)]
    if share:
        for net in nets[1:]:
            net.share_with(nets[0])
    alone = [run(net, seed) for seed, net in enumerate(nets)]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(run, nets, range(THREADS)))
    assert_equal(together, alone)


def test_nets_are_built_and_dropped_in_threads(written, tmp_path):
    path = written(NET)
    first = caffe.Net(path, caffe.TRAIN)
    first.save(tmp_path / "w")

    def build(seed):
        net = caffe.Net(path, caffe.TRAIN, weights=tmp_path / "w")
        return run(net, seed)[:6]

    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(build, range(2 * THREADS)))
    assert_equal(together, [run(first, seed)[:6] for seed in range(2 * THREADS)])


def test_an_error_in_one_thread_stays_there(written):
    path = written(NET)
    nets = [caffe.Net(path, caffe.TRAIN) for _ in range(2)]
    expected = run(nets[0], 0)

    def fail(net):
        for _ in range(ROUNDS):
            with pytest.raises(ValueError, match="not batch sized"):
                net.forward(data=np.zeros(3))
            net.blobs["data"].reshape(1, 3, 2, 2)
            with pytest.raises(ValueError, match="layer 'conv'"):
                net.forward()
            net.blobs["data"].reshape(6, 3, 17, 19)
        return net.forward(data=np.ones((6, 3, 17, 19)))["prob"]

    with ThreadPoolExecutor(2) as pool:
        good, bad = pool.submit(run, nets[0], 0), pool.submit(fail, nets[1])
        assert_equal([good.result()], [expected])
        np.testing.assert_allclose(bad.result().sum(axis=1), 1, rtol=1e-5)
