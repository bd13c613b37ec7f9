"""A student and its teacher: the loss between them, its limit, and two nets in one process."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.runs import (
    fill,
    inner_product,
    input_of,
    layer,
    net_of,
    optdigits,
    solver_of,
    train_on,
)


def distilled(temperature, weight, inputs=(8, 10)):
    """A net of a student's scores, a teacher's, and labels alone."""
    net = input_of("x", *inputs) + input_of("z", *inputs) + input_of("y", inputs[0])
    fields = f"temperature: {temperature} soft_weight: {weight}"
    fields = f"distillation_loss_param {{ {fields} }}"
    return net_of(net + layer("DistillationLoss", "x z y", "loss", fields))


def by_parts(temperature, hard, soft, inputs=(8, 10)):
    """The same of layers that are Caffe's, but for the last: hard H(y, P) + soft H(P_T, P_S)."""
    net = input_of("x", *inputs) + input_of("z", *inputs) + input_of("y", inputs[0])
    scale = f"power_param {{ scale: {1 / temperature} }}"
    net += layer("Power", "z", "cool_z", scale) + layer("Softmax", "cool_z", "teacher")
    net += layer("Power", "x", "cool_x", scale) + layer(
        "KLDivergenceLoss", "cool_x teacher", "soft", f"loss_weight: {soft} propagate_down: [1, 0]"
    )
    return net_of(net + layer("SoftmaxWithLoss", "x y", "hard", f"loss_weight: {hard}"))


def scores(rng, size=2.0):
    """A student's, a teacher's, of 8 items and 10 classes, and labels."""
    x, z = size * rng.standard_normal((2, 8, 10))
    return {"x": x, "z": z, "y": rng.integers(0, 10, 8)}


def loss_and_gradient(net, arrays):
    fill(net, **arrays)
    loss = float(net.forward())
    net.backward()
    return loss, net.blobs["x"].diff.copy()


def softmax(x):
    exp = np.exp(x - x.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("share", [0.1, 1, 7])
@pytest.mark.parametrize("temperature", [1, 2.5, 20])
def test_the_loss_is_both_cross_entropies(rng, temperature, share):
    """H(y, P) + share H(P_T^T, P_S^T); the layer's two weights add up to 1, and T^2 is in one."""
    arrays = scores(rng)
    x, z, y = arrays.values()
    student, teacher = softmax(x / temperature), softmax(z / temperature)
    hard = -np.log(softmax(x)[np.arange(8), y]).mean()
    soft = -(teacher * np.log(student)).sum(axis=1).mean()
    by_label = softmax(x) - np.eye(10)[y]
    slope = (by_label + share * (student - teacher) / temperature) / 8

    weight = share / (share + temperature**2)
    loss, gradient = loss_and_gradient(distilled(temperature, weight), arrays)
    assert loss / (1 - weight) == pytest.approx(hard + share * soft, rel=1e-6)
    np.testing.assert_allclose(gradient / (1 - weight), slope, rtol=1e-5, atol=1e-12)


def test_is_made_of_a_power_and_a_softmax(rng):
    """The losses differ by the teacher's own entropy, which no student changes."""
    arrays = scores(rng)
    loss, gradient = loss_and_gradient(distilled(4, 0.75), arrays)
    other, same = loss_and_gradient(by_parts(4, 0.25, 0.75 * 16), arrays)
    np.testing.assert_allclose(gradient, same, rtol=1e-6, atol=1e-12)
    teacher = softmax(arrays["z"] / 4)
    entropy = -(teacher * np.log(teacher)).sum(axis=1).mean()
    assert loss - other == pytest.approx(12 * entropy, rel=1e-6)


def test_a_hot_teacher_is_matched_in_its_scores(rng):
    """Towards EuclideanLoss between scores whose mean is 0, over the classes: its gradient."""
    arrays = scores(rng, 7.0)  # as large as LeNet's of digits
    x, z = (arrays[name] - arrays[name].mean(axis=1, keepdims=True) for name in "xz")
    net = input_of("x", 8, 10) + input_of("z", 8, 10) + layer("EuclideanLoss", "x z", "loss")
    _, matching = loss_and_gradient(net_of(net), {"x": x, "z": z})
    far = {}
    for temperature in (10, 100, 1000, 10000):
        _, gradient = loss_and_gradient(distilled(temperature, 1), arrays)
        far[temperature] = np.linalg.norm(10 * gradient - matching) / np.linalg.norm(matching)
    assert far[10] > 0.3
    assert all(far[10 * hot] < far[hot] / 8 for hot in (10, 100, 1000))
    np.testing.assert_allclose(10 * gradient / matching, 1, atol=0.01)


TEACHER = inner_product("x", "wide", 96) + layer("ReLU", "wide", "b") + inner_product("b", "z", 10)
FROZEN = TEACHER.replace("inner_product_param", 2 * "param { lr_mult: 0 } " + "inner_product_param")
STUDENT = inner_product("x", "h", 12) + layer("ReLU", "h", "a") + inner_product("a", "s", 10)
LOSS = layer("DistillationLoss", "s z", "loss", "distillation_loss_param { temperature: 4 }")


def parameters(net):
    """The blobs of each layer that has some, by its name."""
    return {step.name: step.layer.blobs for step in net.steps if step.layer.blobs}


def test_two_nets_in_one_process():
    """A student told by the teacher's net, and one whose net has the teacher's parameters in it.

    They learn the same, to the bit, without a label; the teacher stays as it is.
    """
    (x, t), (x_test, t_test) = optdigits()
    net = input_of("x", 64, 64) + input_of("t", 64) + TEACHER
    teacher = solver_of(net + layer("SoftmaxWithLoss", "z t", "loss"), momentum=0.9)
    train_on(teacher, x, t, 400)
    before = {
        name: [blob.data.copy() for blob in it] for name, it in parameters(teacher.net).items()
    }

    fields = {"base_lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4}
    told = solver_of(input_of("x", 64, 64) + input_of("z", 64, 10) + STUDENT + LOSS, **fields)
    whole = solver_of(input_of("x", 64, 64) + FROZEN + STUDENT + LOSS, **fields)
    whole.net.share_weights(teacher.net)
    for name, blobs in parameters(told.net).items():
        for blob, start in zip(parameters(whole.net)[name], blobs, strict=True):
            blob.data[...] = start.data
    rng = np.random.default_rng(1)
    for _ in range(500):
        chosen = x[rng.integers(0, len(x), 64)]
        fill(teacher.net, x=chosen)
        teacher.net.forward()
        fill(told.net, x=chosen, z=teacher.net.blobs["z"].data)
        told.step(1)
        fill(whole.net, x=chosen)
        whole.step(1)

    for name, blobs in parameters(told.net).items():
        for blob, other in zip(blobs, parameters(whole.net)[name], strict=True):
            np.testing.assert_array_equal(blob.data, other.data)
    for name, blobs in parameters(teacher.net).items():
        for blob, mine, old in zip(blobs, parameters(whole.net)[name], before[name], strict=True):
            np.testing.assert_array_equal(blob.data, old)
            assert np.shares_memory(blob.data, mine.data)
    fill(whole.net, x=x_test)
    whole.net.forward()
    right = (whole.net.blobs["s"].data.argmax(axis=1) == t_test).mean()
    assert right > 0.92
