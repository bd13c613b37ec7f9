"""The two losses of a detector: which class, and where its box is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.runs import fill, inner_product, input_of, layer, net_of, solver_of

DIFFERENCES = [0, 0.5, -0.5, 1, -1, 2, -2]
# by inside weight, at 0, 1/2, 1, 2: f(i d), and its derivative by d
VALUES = {1: [0, 1 / 8, 1 / 2, 3 / 2], 0.5: [0, 1 / 32, 1 / 8, 1 / 2], 2: [0, 0.5, 1.5, 3.5]}
SLOPES = {1: [0, 1 / 2, 1, 1], 0.5: [0, 1 / 8, 1 / 4, 1 / 2], 2: [0, 2, 2, 2]}
CLASSES = 3  # of which 0 is the background


@pytest.mark.parametrize("outside", [1, 4])
@pytest.mark.parametrize("inside", VALUES)
def test_smooth_l1_by_hand(inside, outside):
    net = "".join(input_of(name, 1) for name in "xtio")
    net = net_of(net + layer("SmoothL1Loss", "x t i o", "loss"))
    for d in DIFFERENCES:
        at = [0, 0.5, 1, 2].index(abs(d))
        arrays = {"x": 3 + d, "t": 3, "i": inside, "o": outside}
        fill(net, **{name: np.array([value]) for name, value in arrays.items()})
        assert float(net.forward()) == outside * VALUES[inside][at]
        net.backward()
        assert float(net.blobs["x"].diff[0]) == np.sign(d) * outside * SLOPES[inside][at]


def test_what_is_not_inside_does_not_count():
    net = "".join(input_of(name, 2, 3) for name in "xtio")
    net = net_of(net + layer("SmoothL1Loss", "x t i o", "loss"))
    x = np.array([[0.5, 2, -1], [-2, 7, 1]])
    inside, outside = np.array([[1, 0, 1], [0, 0, 2]]), np.array([[2, 9, 1], [9, 9, 0]])
    fill(net, x=x, t=np.zeros((2, 3)), i=inside, o=outside)
    assert float(net.forward()) == (2 / 8 + 1 / 2) / 2  # of two items
    net.backward()
    assert net.blobs["x"].diff.tolist() == [[0.5, 0, -0.5], [0, 0, 0]]


def detector(class_weight=1, box_weight=1):
    """Fast R-CNN's end: of each region's features the scores of classes, and a box for each."""
    net = input_of("x", 4, 6) + input_of("label", 4)
    net += "".join(input_of(name, 4, 4 * CLASSES) for name in ("box", "inside", "outside"))
    net += inner_product("x", "fc", 16) + layer("ReLU", "fc", "a")
    net += inner_product("a", "score", CLASSES) + inner_product("a", "found", 4 * CLASSES)
    net += layer("SoftmaxWithLoss", "score label", "class_loss", f"loss_weight: {class_weight}")
    fields = f"loss_weight: {box_weight}"
    return net + layer("SmoothL1Loss", "found box inside outside", "box_loss", fields)


def regions(rng, count):
    """Features, of what class they are, and where it is: a box for the class, none for the rest."""
    x = rng.standard_normal((count, 6)).astype(np.float32)
    label = np.where(abs(x[:, 0]) < 0.4, 0, np.where(x[:, 0] < 0, 1, 2))
    place = np.stack([x[:, 1], -x[:, 2], x[:, 3] + x[:, 4], x[:, 5] / 2], axis=1)
    columns = np.arange(4 * CLASSES) // 4
    inside = (columns == label[:, None]) & (label[:, None] > 0)
    box = np.where(inside, np.tile(place, CLASSES), 0)
    return {"x": x, "label": label, "box": box, "inside": inside, "outside": inside}


def gradients(rng, *weights):
    """The loss, the two it is made of, and the gradient of each weight."""
    net = solver_of(detector(*weights)).net
    fill(net, **regions(np.random.default_rng(5), 12))
    net.clear_param_diffs()
    loss = float(net.forward())
    net.backward()
    parts = [float(net.blobs[name].data) for name in ("class_loss", "box_loss")]
    names = [step.name for step in net.steps if step.layer.blobs]
    diffs = [step.layer.blobs[0].diff.copy() for step in net.steps if step.layer.blobs]
    return loss, parts, dict(zip(names, diffs, strict=True))


def test_the_losses_add_up_by_their_weights(rng):
    loss, parts, both = gradients(rng, 1, 2.5)
    assert min(parts) > 0.1
    assert loss == pytest.approx(parts[0] + 2.5 * parts[1], rel=1e-6)
    (_, _, scores), (_, _, boxes) = gradients(rng, 1, 0), gradients(rng, 0, 1)
    np.testing.assert_allclose(both["fc"], scores["fc"] + 2.5 * boxes["fc"], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(both["score"], scores["score"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(both["found"], 2.5 * boxes["found"], rtol=1e-5, atol=1e-7)
    assert not boxes["score"].any()
    assert not scores["found"].any()
    assert np.abs(scores["fc"]).max() > 1e-3 < np.abs(boxes["fc"]).max()


def test_background_has_no_box(rng):
    """Only the four numbers of a region's own class learn."""
    _, _, found = gradients(rng)
    by_class = np.abs(found["found"]).reshape(CLASSES, 4, -1).sum(axis=(1, 2))
    assert by_class[0] == 0
    assert by_class[1:].min() > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_net_learns_both(seed):
    rng = np.random.default_rng(seed)
    solver = solver_of(detector(), seed, base_lr=0.05, momentum=0.9)
    test = regions(rng, 500)
    fill(solver.net, **test)
    solver.net.forward()
    before = float(solver.net.blobs["box_loss"].data)
    for _ in range(400):
        fill(solver.net, **regions(rng, 32))
        solver.step(1)
    fill(solver.net, **test)
    solver.net.forward()
    right = solver.net.blobs["score"].data.argmax(axis=1) == test["label"]
    assert right.mean() > 0.9
    assert float(solver.net.blobs["box_loss"].data) < before / 5
