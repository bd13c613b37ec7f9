"""Logistic regression against a net with one hidden layer, on data in HDF5.

Learn here: write any numbers as HDF5 files that a net reads, define two nets that differ in one
layer, train both with the same solver, and see what the hidden layer is good for. The question:
is a handwritten digit odd? No plane through 64 pixels parts the odd digits from the even.

    python -m minicaffe.run examples/logistic_regression/compare.py

Prints the test accuracy of both nets. Writes the data, definitions, and weights.png (of the
regression, as 8 x 8 pixels).
"""

import sys
from pathlib import Path

import caffe
import caffe.viz
import h5py
import numpy as np
from caffe import layers as L

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=3000, hidden=40)
out = options.out
for part in ("tra", "tes"):
    pixels, digits = common.optdigits(part)
    with h5py.File(out / f"{part}.h5", "w") as file:
        file["data"] = pixels.reshape(-1, 64)
        file["label"] = (digits % 2).astype(np.float32)
    (out / f"{part}.txt").write_text(f"{out / part}.h5\n")  # a list, since there may be several


def classifier(part, batch_size, hidden):
    """The data, a hidden layer where its size is not 0, and two classes."""
    filler = {"type": "xavier"}
    n = caffe.NetSpec()
    n.data, n.label = L.HDF5Data(source=str(out / f"{part}.txt"), batch_size=batch_size, ntop=2)
    last = n.data
    if hidden:
        n.ip1 = L.InnerProduct(last, num_output=hidden, weight_filler=filler)
        last = n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.score = L.InnerProduct(last, num_output=2, weight_filler=filler)
    n.accuracy = L.Accuracy(n.score, n.label)
    n.loss = L.SoftmaxWithLoss(n.score, n.label)
    return n.to_proto()


def train(name, hidden):
    """Write the definitions, train, and return the net that tests."""
    nets = out / f"{name}_train.prototxt", out / f"{name}_test.prototxt"
    nets[0].write_text(str(classifier("tra", 50, hidden)))
    nets[1].write_text(str(classifier("tes", 1797, hidden)))  # all of them at once
    rate = {"base_lr": 0.05, "lr_policy": "step", "gamma": 0.1, "stepsize": options.iterations // 2}
    solver = caffe.get_solver(common.write_solver(out / f"{name}_solver.prototxt", *nets, **rate))
    solver.step(options.iterations)
    test = solver.test_nets[0]
    test.share_with(solver.net)
    result = test.forward()
    print(f"{name:10}: accuracy {result['accuracy']:.3f}, loss {result['loss']:.3f}")
    return test


regression = train("regression", 0)
train("two_layers", options.hidden)

weights = np.diff(regression.params["score"][0].data.reshape(2, 8, 8), axis=0)
caffe.viz.save(out / "weights.png", caffe.viz.vis_square(weights))
