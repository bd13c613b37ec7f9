"""Layers that divide, join and pool: what a net does with the shapes of its blobs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.runs import fill, input_of, layer, net_of

FILLED = 'weight_filler { type: "gaussian" std: 0.5 } bias_filler { type: "gaussian" std: 0.5 }'
SHARED = 'param { name: "w" share_mode: PERMISSIVE }'  # of any shape that has as many values


def inner_product(bottom, top, outputs, fields="", param=""):
    fields = f"num_output: {outputs} {FILLED} {fields}"
    return layer("InnerProduct", bottom, top, f"inner_product_param {{ {fields} }} {param}")


def convolution(bottom, top, outputs, fields, param="", kind="Convolution"):
    fields = f"num_output: {outputs} {FILLED} {fields}"
    return layer(kind, bottom, top, f"convolution_param {{ {fields} }} {param}")


def cut(bottom, tops, fields=""):
    names = " ".join(f'top: "{top}"' for top in tops)
    ends = f'bottom: "{bottom}" {names}'
    return f'layer {{ name: "cut" type: "Slice" {ends} slice_param {{ {fields} }} }}'


def run(net, rng, top="y", **arrays):
    """Forward ``arrays``, and backward a random gradient of ``top``, which is returned."""
    fill(net, **arrays)
    net.forward()
    dy = rng.standard_normal(net.blobs[top].shape)
    net.blobs[top].diff[...] = dy
    net.clear_param_diffs()
    net.backward()
    return dy


def blobs_of(net, name):
    """Weights, and bias, of the layer ``name``."""
    return next(step.layer.blobs for step in net.steps if step.name == name)


def test_a_blob_that_three_read_gets_the_sum_of_their_gradients(rng):
    net = net_of(
        input_of("x", 2, 3)
        + layer("Power", "x", "a", "power_param { scale: -2 }")
        + layer("TanH", "x", "b")
        + layer("Power", "x", "c", "power_param { power: 2 }")
        + layer("Eltwise", "a b c", "y", "eltwise_param { coeff: 1 coeff: 3 coeff: 0.5 }")
    )
    names = [f"x_x_0_split_{i}" for i in range(3)]
    assert [step.name for step in net.steps] == ["x", "x_x_0_split", *"abcy"]
    assert list(net.blobs) == ["x", *names, *"abcy"]
    x = rng.standard_normal((2, 3))
    dy = run(net, rng, x=x)
    expected = [-2 * dy, 3 * dy * (1 - np.tanh(x) ** 2), dy * x]
    for name, branch in zip(names, expected, strict=True):
        np.testing.assert_allclose(net.blobs[name].diff, branch, rtol=1e-12)
    np.testing.assert_allclose(net.blobs["x"].diff, sum(expected), rtol=1e-12)


def test_two_towers_see_the_halves_of_a_pair(rng):
    """The pair gets the gradients of both, and the weights that they share the sum."""
    shared = 'param { name: "w" } param { name: "b" }'
    net = net_of(
        input_of("pair", 5, 2, 3, 4)
        + cut("pair", ["left", "right"], "slice_point: 1")
        + inner_product("left", "p", 6, param=shared)
        + inner_product("right", "q", 6, param=shared)
        + layer("Concat", "p q", "y")
    )
    pair = rng.standard_normal((5, 2, 3, 4))
    dy = run(net, rng, pair=pair)
    w, b = (param.blob for param in net.params)
    ends = [(pair[:, i].reshape(5, 12), dy[:, 6 * i : 6 * i + 6]) for i in (0, 1)]
    expected = np.hstack([x @ w.data.T + b.data for x, _ in ends])
    np.testing.assert_allclose(net.blobs["y"].data, expected, rtol=1e-12)
    expected = np.stack([(d @ w.data).reshape(5, 3, 4) for _, d in ends], axis=1)
    np.testing.assert_allclose(net.blobs["pair"].diff, expected, rtol=1e-12)
    np.testing.assert_allclose(w.diff, sum(d.T @ x for x, d in ends), rtol=1e-12)


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("plane", [(13, 13), (10, 7), (24, 24)])
def test_a_pyramid_makes_maps_of_any_size_as_long(rng, plane, pool):
    """As long, and what the original makes it of: Pooling, Flatten and Concat."""
    net = input_of("x", 2, 5, *plane)
    net += layer("SPP", "x", "y", f"spp_param {{ pyramid_height: 3 pool: {pool} }}")
    for level in range(3):
        fields = f"pool: {pool}"
        for side, size in zip("hw", plane, strict=True):
            kernel = -(-size // 2**level)
            pad = (kernel * 2**level - size + 1) // 2
            fields += f" kernel_{side}: {kernel} stride_{side}: {kernel} pad_{side}: {pad}"
        net += layer("Pooling", "x", f"p{level}", f"pooling_param {{ {fields} }}")
        net += layer("Flatten", f"p{level}", f"f{level}")
    net = net_of(net + layer("Concat", "f0 f1 f2", "z") + inner_product("y", "score", 3))
    run(net, rng, "score", x=rng.standard_normal((2, 5, *plane)))
    assert net.blobs["y"].shape == (2, (1 + 4 + 16) * 5)
    np.testing.assert_array_equal(net.blobs["y"].data, net.blobs["z"].data)


def test_a_net_with_a_pyramid_reads_maps_of_any_size(rng):
    net = net_of(
        input_of("x", 1, 2, 9, 9)
        + convolution("x", "maps", 4, "kernel_size: 3 pad: 1")
        + layer("SPP", "maps", "y", "spp_param { pyramid_height: 3 }")
        + inner_product("y", "score", 3)
    )
    weights = blobs_of(net, "score")[0].data.copy()
    for plane in [(13, 13), (10, 7), (24, 24)]:
        fill(net, x=rng.standard_normal((1, 2, *plane)))
        net.forward()
        w, b = (blob.data for blob in blobs_of(net, "score"))
        np.testing.assert_array_equal(w, weights)
        np.testing.assert_allclose(net.blobs["score"].data, net.blobs["y"].data @ w.T + b)


def test_a_map_of_each_class_sums_to_its_score(rng):
    """Means of maps weighted, or the mean of the maps weighted: a class activation map."""
    net = net_of(
        input_of("x", 2, 4, 6, 5)
        + layer("Pooling", "x", "means", "pooling_param { pool: AVE global_pooling: true }")
        + inner_product("means", "score", 3, "bias_term: false", SHARED)
        + convolution("x", "maps", 3, "kernel_size: 1 bias_term: false", SHARED)
    )
    x = rng.standard_normal((2, 4, 6, 5))
    x[1, 2, 4, 3] = 100  # what is seen there
    run(net, rng, "score", x=x)
    means, score, maps = (net.blobs[name].data for name in ("means", "score", "maps"))
    np.testing.assert_allclose(means[:, :, 0, 0], x.mean(axis=(2, 3)), rtol=1e-12)
    np.testing.assert_allclose(maps.sum(axis=(2, 3)) / 30, score, rtol=1e-12)
    for seen in np.abs(maps[1]):
        assert np.unravel_index(seen.argmax(), (6, 5)) == (4, 3)


def test_a_convolution_of_1x1_is_an_inner_product_for_each_pixel(rng):
    shared = f'{SHARED} param {{ name: "b" }}'
    last = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
    net = net_of(
        input_of("x", 2, 7, 5, 4)
        + convolution("x", "y", 3, "kernel_size: 1", shared)
        + layer("Permute", "x", "pixels", last)
        + inner_product("pixels", "z", 3, "axis: 3", shared),
        np.float32,
    )
    run(net, rng, x=rng.standard_normal((2, 7, 5, 4)))
    y, z = (net.blobs[name].data for name in "yz")
    assert z.shape == (2, 5, 4, 3)
    assert np.abs(y - z.transpose(0, 3, 1, 2)).max() < 1e-6


@pytest.mark.parametrize("kind", ["Convolution", "DepthwiseConvolution"])
@pytest.mark.parametrize("each", [1, 2])
def test_a_group_for_each_channel_is_a_convolution_for_each(rng, kind, each):
    window = "kernel_h: 3 kernel_w: 2 stride: 2 pad_h: 1"
    grouped = f"{window} group: 4"
    net = input_of("x", 2, 4, 7, 5) + convolution("x", "y", 4 * each, grouped, kind=kind)
    apart = input_of("x", 2, 4, 7, 5) + cut("x", ["x0", "x1", "x2", "x3"])
    for i in range(4):
        apart += convolution(f"x{i}", f"y{i}", each, window)
    nets = net_of(net), net_of(apart + layer("Concat", "y0 y1 y2 y3", "y"))
    whole = blobs_of(nets[0], "y")
    parts = [blobs_of(nets[1], f"y{i}") for i in range(4)]
    for i, part in enumerate(parts):
        for blob, blobs in zip(part, whole, strict=True):
            blob.data[...] = blobs.data[i * each : i * each + each]
    x = rng.standard_normal((2, 4, 7, 5))
    for net in nets:
        run(net, np.random.default_rng(3), x=x)
    for name in "xy":
        found, expected = ((net.blobs[name].data, net.blobs[name].diff) for net in nets)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    for index, blob in enumerate(whole):
        expected = np.concatenate([part[index].diff for part in parts])
        np.testing.assert_allclose(blob.diff, expected, rtol=1e-12, atol=1e-12)
