"""Train LeNet on MNIST from Python, one step at a time.

Learn here: write nets with NetSpec and a solver with caffe_pb2, look into the first batch and the
first gradients, train in a loop of your own, and test by hand whenever you like.

    python -m minicaffe.run examples/learning_lenet/learn.py

Prints the loss and the test accuracy as they go. Writes the definitions, first.png (the first
eight digits), gradients.png (of the first filters, after one step), curves.csv, curves.png where
matplotlib is installed, and lenet.caffemodel.
"""

import sys
from pathlib import Path

import caffe
import caffe.viz
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=1000, every=50, images=20000)
out, batch = options.out, 64
for part, count in (("train", options.images), ("t10k", 1000)):
    common.write_lmdb(out / f"{part}_lmdb", *common.mnist(part, count))


def lenet(database, batch_size):
    """LeNet with its data and its loss."""
    learned = {"weight_filler": {"type": "xavier"}, "param": [{"lr_mult": 1}, {"lr_mult": 2}]}
    n = caffe.NetSpec()
    source = {"source": str(database), "backend": P.Data.LMDB, "batch_size": batch_size}
    n.data, n.label = L.Data(**source, transform_param={"scale": 1 / 256}, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, **learned)
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50, **learned)
    n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(n.pool2, num_output=500, **learned)
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.relu1, num_output=10, **learned)
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label)
    return n.to_proto()


(out / "train.prototxt").write_text(str(lenet(out / "train_lmdb", batch)))
(out / "test.prototxt").write_text(str(lenet(out / "t10k_lmdb", 100)))
rate = {"base_lr": 0.01, "lr_policy": "inv", "gamma": 0.0001, "power": 0.75}
nets = out / "train.prototxt", out / "test.prototxt"
solver = caffe.SGDSolver(common.write_solver(out / "solver.prototxt", *nets, **rate))
solver.test_nets[0].share_with(solver.net)  # as Caffe does when it tests

solver.net.forward()
print("first labels:", solver.net.blobs["label"].data[:8].astype(int))
caffe.viz.save(out / "first.png", caffe.viz.vis_square(solver.net.blobs["data"].data[:8, 0]))
solver.step(1)
gradients = solver.net.params["conv1"][0].diff[:, 0]
caffe.viz.save(out / "gradients.png", caffe.viz.vis_square(gradients))


def test_accuracy(net):
    """The share of the 1000 test digits that ``net`` gets right."""
    right = 0
    for _ in range(10):
        net.forward()
        right += np.sum(net.blobs["ip2"].data.argmax(1) == net.blobs["label"].data)
    return right / 1000


curve = []
while solver.iter < options.iterations:
    solver.step(1)
    loss = float(solver.net.blobs["loss"].data)
    accuracy = np.nan
    if solver.iter % options.every == 0:
        accuracy = test_accuracy(solver.test_nets[0])
        print(f"iteration {solver.iter:5}: loss {loss:.3f}, test accuracy {accuracy:.3f}")
    curve.append((solver.iter, loss, accuracy))
print(f"test accuracy {test_accuracy(solver.test_nets[0]):.3f}")
solver.net.save(str(out / "lenet.caffemodel"))
np.savetxt(out / "curves.csv", curve, "%g", ",", header="iteration,loss,test accuracy")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no matplotlib: curves.csv has the numbers")
else:
    figure = Figure()
    steps, losses, accuracies = np.array(curve).T
    left = figure.subplots()
    left.plot(steps, losses, lw=0.7)
    left.set(xlabel="iteration", ylabel="training loss", ylim=(0, None))
    left.twinx().plot(steps, accuracies, "r.")
    figure.savefig(out / "curves.png")
