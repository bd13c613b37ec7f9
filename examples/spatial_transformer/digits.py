"""Digits turned, moved and scaled, and a net that learns to put them right before it reads them.

Learn here: SpatialTransformer between a net that says how to look at a picture and one that reads
what is seen, trained by the labels alone; parameters filled by hand, so that training starts from
the picture as it is; rates of layers of their own; the same classifier without it, to compare.

    python -m minicaffe.run examples/spatial_transformer/digits.py

Each digit is turned by up to 45 degrees either way, scaled by 0.7 to 1.2 and put anywhere it fits
in 40 x 40 pixels. Prints how many of the test digits each net has right, and how theta goes with
what was done to a digit, of which it was never told. Writes digits.png: rows of test digits, and
below each row what the transformer makes of it.

After: M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu, "Spatial transformer networks",
2015.
"""

import sys
from pathlib import Path

import caffe
import caffe.viz
import cv2
import numpy as np
from caffe import layers as L

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=1500, images=60000, tests=10000)
out = options.out
SIZE, BATCH = 40, 64
WHAT = ["down", "right", "scale", "angle"]


def distorted(digits, rng):
    """Pictures (N, 1, 40, 40) from 0 to 1 of ``digits``, and what was done: see WHAT."""
    count = len(digits)
    angles, scales = rng.uniform(-45, 45, count), rng.uniform(0.7, 1.2, count)
    # the strokes of a digit fill 20 of its 28 pixels
    moves = rng.uniform(-1, 1, (2, count)) * (SIZE - 24 * scales) / 2
    pictures = np.empty((count, 1, SIZE, SIZE), np.float32)
    for i, digit in enumerate(digits):
        matrix = cv2.getRotationMatrix2D((13.5, 13.5), angles[i], scales[i])
        matrix[:, 2] += (SIZE - 28) / 2 + moves[::-1, i]  # OpenCV has the horizontal first
        pictures[i, 0] = cv2.warpAffine(digit[0], matrix, (SIZE, SIZE))
    return pictures / 256, (*moves, scales, angles)


def inner_product(bottom, outputs, rate=1, filler="xavier"):
    """An InnerProduct that learns ``rate`` times as fast as the solver says."""
    return L.InnerProduct(
        bottom,
        num_output=outputs,
        weight_filler={"type": filler},
        param=[{"lr_mult": rate}, {"lr_mult": rate}],
    )


def write_net(name, phase, count):
    """Write the net with the transformer, or the "plain" one without."""
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [count, 1, SIZE, SIZE]})
    seen = n.data
    if name == "transformer":
        n.look1 = inner_product(n.data, 64, rate=0.1)
        n.look1_relu = L.ReLU(n.look1, in_place=True)
        n.look2 = inner_product(n.look1_relu, 32, rate=0.1)
        n.look2_relu = L.ReLU(n.look2, in_place=True)
        n.theta = inner_product(n.look2_relu, 6, rate=0.1, filler="constant")
        seen = n.seen = L.SpatialTransformer(n.data, n.theta, to_compute_dU=False)
    n.hidden = inner_product(seen, 128)
    n.relu = L.ReLU(n.hidden, in_place=True)
    n.score = inner_product(n.relu, 10)
    if phase == "train":
        n.label = L.Input(shape={"dim": [count]})
        n.loss = L.SoftmaxWithLoss(n.score, n.label)
    path = out / f"{name}_{phase}.prototxt"
    path.write_text(str(n.to_proto()))
    return path


digits, labels = common.mnist("train", options.images)
test_digits, test_labels = common.mnist("t10k", options.tests)
pictures, done = distorted(test_digits, np.random.default_rng(0))
rate = {"base_lr": 0.05, "lr_policy": "poly", "power": 1.0, "max_iter": options.iterations}
for name in ("plain", "transformer"):
    definition = write_net(name, "train", BATCH)
    file = common.write_solver(out / f"{name}_solver.prototxt", definition, **rate)
    solver = caffe.SGDSolver(file)
    net = solver.net
    if name == "transformer":  # its weights are 0: theta is the same for all at first
        net.params["theta"][1].data[...] = 1, 0, 0, 0, 1, 0
    rng, losses = np.random.default_rng(1), []
    while solver.iter < options.iterations:
        chosen = rng.integers(0, len(digits), BATCH)
        net.blobs["data"].data[...], _ = distorted(digits[chosen], rng)
        net.blobs["label"].data[...] = labels[chosen]
        solver.step(1)
        losses.append(float(net.blobs["loss"].data))
        if solver.iter % 500 == 0:
            print(f"{name}, iteration {solver.iter:4}: loss {np.mean(losses[-100:]):.3f}")
    net.save(str(out / f"{name}.caffemodel"))

    test = caffe.Net(str(write_net(name, "test", len(pictures))), caffe.TEST)
    test.share_with(net)
    test.blobs["data"].data[...] = pictures
    found = test.forward()["score"].argmax(axis=1)
    print(f"{name}: accuracy {np.mean(found == test_labels):.4f}")

# where theta looks: rows first, downwards, then columns
(a, b, down), (c, d, right) = test.blobs["theta"].data.reshape(-1, 2, 3).transpose(1, 2, 0)
looked = down, right, np.sqrt(np.abs(a * d - b * c)), np.arctan2(c - b, a + d)
for what, true, found in zip(WHAT, done, looked, strict=True):
    print(f"{what}: correlation {np.corrcoef(true, found)[0, 1]:.3f}")

seen = test.blobs["seen"].data[:40, 0]
rows = [
    np.hstack([np.pad(picture, 1, constant_values=0.4) for picture in row[start : start + 10]])
    for start in range(0, len(seen), 10)
    for row in (pictures[:40, 0], seen)
]
caffe.viz.save(out / "digits.png", np.kron(np.vstack(rows), np.ones((2, 2))))
