"""Blocks of several layers: channels gated by what a map holds, groups of channels normalized."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.runs import (
    accuracy,
    fill,
    in_test,
    inner_product,
    input_of,
    layer,
    mnist,
    net_of,
    solver_of,
    train_on,
)

X = (2, 4, 3, 5)


def squeeze_and_excite(end):
    """A block whose branch u is gated, ``end`` joining it with the shortcut x to z."""
    fields = 'num_output: 4 kernel_size: 3 pad: 1 weight_filler { type: "msra" }'
    net = input_of("x", *X) + input_of("t", *X)
    net += layer("Convolution", "x", "u", f"convolution_param {{ {fields} }}")
    net += layer("Pooling", "u", "mean", "pooling_param { pool: AVE global_pooling: true }")
    net += inner_product("mean", "few", 2) + layer("TanH", "few", "bent")
    net += inner_product("bent", "all", 4, 'type: "msra"') + layer("Sigmoid", "all", "gate")
    return net_of(net + end + layer("EuclideanLoss", "z t", "loss"))


def gradients(net):
    """Every gradient of the loss, of the gate's own values and of x too, by backward."""
    net.clear_param_diffs()
    net.forward()
    net.backward()
    found = {f"param {i}": param.blob.diff.copy() for i, param in enumerate(net.params)}
    return found | {name: net.blobs[name].diff.copy() for name in ("x", "gate")}


def differences(net, values, step=1e-5):
    """The gradient of the loss for ``values``, by moving each either way."""
    found = np.empty(values.shape)
    for index in np.ndindex(values.shape):
        before, ends = values[index], []
        for moved in (before + step, before - step):
            values[index] = moved
            ends.append(float(net.forward()))
        values[index] = before
        found[index] = (ends[0] - ends[1]) / (2 * step)
    return found


def test_the_gradient_through_a_gate_of_channels(rng):
    """By Scale with two bottoms and Eltwise, and by Axpy: right, and the same."""
    scaled = layer("Scale", "u gate", "gated", "scale_param { axis: 0 }")
    ends = [scaled + layer("Eltwise", "gated x", "z"), layer("Axpy", "gate u x", "z")]
    nets = [squeeze_and_excite(end) for end in ends]
    x, t = rng.standard_normal((2, *X))
    for net in nets:
        fill(net, x=x, t=t)
        for mine, first in zip(net.params, nets[0].params, strict=True):
            mine.blob.data[...] = first.blob.data
    by_scale, by_axpy = (gradients(net) for net in nets)
    np.testing.assert_allclose(nets[0].blobs["z"].data, nets[1].blobs["z"].data, rtol=1e-13)
    assert len(by_scale) == 8
    for name, found in by_scale.items():
        assert np.abs(found).max() > 1e-3, name
        np.testing.assert_allclose(by_axpy[name], found, rtol=1e-11, atol=1e-14, err_msg=name)
    for net, found in zip(nets, (by_scale, by_axpy), strict=True):
        values = {f"param {i}": param.blob.data for i, param in enumerate(net.params)}
        for name, data in (values | {"x": net.blobs["x"].data}).items():
            np.testing.assert_allclose(differences(net, data), found[name], rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["GroupNorm", "BatchNorm"])
def test_digits_in_batches_of_two(kind):
    """Both train: after 3000 iterations neither was ahead for all of three seeds."""
    net, bottom = input_of("x", 2, 1, 28, 28) + input_of("t", 2), "x"
    for i in (1, 2):
        fields = f"num_output: {8 * i} kernel_size: 5 stride: 2 bias_term: false"
        fields += ' weight_filler { type: "msra" }'
        net += layer("Convolution", bottom, f"c{i}", f"convolution_param {{ {fields} }}")
        groups = "group_norm_param { group_num: 4 }" if kind == "GroupNorm" else ""
        net += layer(kind, f"c{i}", f"n{i}", groups)
        net += layer("Scale", f"n{i}", f"s{i}", "scale_param { bias_term: true }")
        net += layer("ReLU", f"s{i}", f"r{i}")
        bottom = f"r{i}"
    net += inner_product(bottom, "y", 10) + layer("SoftmaxWithLoss", "y t", "loss")
    solver = solver_of(net, base_lr=0.003, momentum=0.9)
    train_on(solver, *mnist("train", 60000), 3000, seed=1, size=2)
    assert accuracy(in_test(solver), *mnist("t10k", 2000)) > 0.87
