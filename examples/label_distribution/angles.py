"""How far a bar is turned, learned from labels that are guesses: a class, or a distribution.

Learn here: labels that are distributions over the classes (KLDivergenceLoss), and an answer that is
the mean of what a net says of all classes. People who guess an age are some years off, and so are
the labels here: a bar is turned by 0 to 60 steps of two degrees, and the label of each of 2000
training pictures is off by a normal number with a deviation of 3 steps. As a class it says nothing
of that; as the normal distribution around it, it does. After B.-B. Gao, C. Xing, C.-W. Xie, J. Wu,
X. Geng, "Deep label distribution learning with label ambiguity", 2017.

    python -m minicaffe.run examples/label_distribution/angles.py

Prints how many steps the likeliest class of each net is off, and the mean of the classes, on
average over 1000 new pictures whose turn is known. Writes the definitions, and bars.png.
"""

import sys
from pathlib import Path

import caffe
import caffe.viz
import h5py
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=1200, pictures=2000, seed=1)
out, random = options.out, np.random.RandomState(options.seed)
SPREAD, STEPS = 3, np.arange(61)


def draw(steps):
    """Bars of chance length, width, place and grey, on noise: (N, 1, 28, 28) in 0..1."""
    angle = np.deg2rad(30 + 2 * steps)[:, None, None]  # never more than half a turn
    y, x = np.mgrid[:28, :28] - 13.5
    dx, dy = random.uniform(-3, 3, (2, len(steps), 1, 1))
    along = (x - dx) * np.cos(angle) + (y - dy) * np.sin(angle)
    across = (y - dy) * np.cos(angle) - (x - dx) * np.sin(angle)
    length, width = (random.uniform(*ends, (len(steps), 1, 1)) for ends in ((6, 11), (1, 3)))
    inside = np.clip(length - abs(along), 0, 1) * np.clip(width - abs(across), 0, 1)
    grey = random.uniform(0.5, 1, (len(steps), 1, 1)) * inside
    return (grey + 0.2 * random.standard_normal(grey.shape)).astype(np.float32)[:, None]


truth = random.uniform(0, 60, options.pictures)
label = np.clip(np.rint(truth + SPREAD * random.standard_normal(len(truth))), 0, 60)
normal = np.exp(-((STEPS - label[:, None]) ** 2) / (2 * SPREAD**2))
with h5py.File(out / "train.h5", "w") as file:
    file["data"] = draw(truth)
    file["class"] = label.astype(np.float32)
    file["distribution"] = (normal / normal.sum(axis=1, keepdims=True)).astype(np.float32)
    caffe.viz.save(out / "bars.png", caffe.viz.vis_square(file["data"][:25, 0]))
(out / "train.txt").write_text(f"{out / 'train.h5'}\n")
LOSSES = {"class": L.SoftmaxWithLoss, "distribution": L.KLDivergenceLoss}  # by what they take


def net(name, phase):
    """Two convolutions, two inner products and 61 classes; only the losses differ."""
    n, msra = caffe.NetSpec(), {"weight_filler": {"type": "msra"}}
    if phase == "train":
        source = {"source": str(out / "train.txt"), "batch_size": 50, "shuffle": True}
        n.data, n[name] = L.HDF5Data(**source, ntop=2)
    else:
        n.data = L.Input(shape={"dim": [1000, 1, 28, 28]})
    last = n.data
    for index, outputs in enumerate((16, 32), 1):
        last = n[f"conv{index}"] = L.Convolution(last, kernel_size=5, num_output=outputs, **msra)
        last = n[f"relu{index}"] = L.ReLU(last, in_place=True)
        last = n[f"pool{index}"] = L.Pooling(last, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(last, num_output=100, **msra)
    n.relu3 = L.ReLU(n.ip1, in_place=True)
    xavier = {"weight_filler": {"type": "xavier"}}
    n.score = L.InnerProduct(n.ip1, num_output=61, **xavier)
    if phase == "train":
        n.loss = LOSSES[name](n.score, n[name])
    else:
        n.prob = L.Softmax(n.score)
    path = out / f"{name}_{phase}.prototxt"
    path.write_text(str(n.to_proto()))
    return str(path)


new = random.uniform(0, 60, 1000)
pictures = draw(new)


def off(found):
    """How many steps ``found`` is off, on average."""
    return abs(found - new).mean()


for name in LOSSES:
    rate = {"base_lr": 0.01, "lr_policy": "poly", "power": 1, "max_iter": options.iterations}
    rate["random_seed"] = options.seed
    definition = common.write_solver(out / "solver.prototxt", net(name, "train"), **rate)
    solver = caffe.SGDSolver(definition)
    solver.step(options.iterations)
    test = caffe.Net(net(name, "test"), caffe.TEST)
    test.share_with(solver.net)
    test.blobs["data"].data[...] = pictures
    prob = test.forward()["prob"]
    likeliest, mean = off(prob.argmax(axis=1)), off(prob @ STEPS)
    print(f"{name}: likeliest {likeliest:.2f}, mean {mean:.2f} steps off")
