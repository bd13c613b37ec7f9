"""Codes of 32 bits: activations that are smooth at first, and exact bits in the end.

Learn here: layers whose phase matters. In TRAIN an activation gets steeper from forward to forward;
in TEST it is a step, so that the accuracy is that of real bits. BinaryActivation goes by tanh
(Z. Cao et al., "HashNet: deep learning to hash by continuation", 2017) or by the sign, which a
gradient passes as if it were not there; ApproximateBinaryClamping by a ramp that gets narrower.

    python -m minicaffe.run examples/binary_codes/codes.py

Prints for each how many of all test digits are right by their bits, and how many values of the last
training batches were bits already.
"""

import sys
from pathlib import Path

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=800, images=60000)
out = options.out
images, labels = common.mnist("train", options.images)
test_images, test_labels = common.mnist("t10k", 10000)
common.write_lmdb(out / "train_lmdb", images, labels)

steps = 800 / options.iterations  # as steep in the end, however many forwards there are
ACTIVATIONS = {
    "ramp": ("ApproximateBinaryClamping", {"width": 4, "decay": 0.996**steps}),
    "tanh": ("BinaryActivation", {"growth": 1.0037**steps}),
    "sign": ("BinaryActivation", {"method": P.BinaryActivation.SIGN}),
}


def net(name, phase):
    """Two convolutions, the code, and an inner product that tells digits by it."""
    n, xavier = caffe.NetSpec(), {"weight_filler": {"type": "xavier"}}
    source = {"source": str(out / "train_lmdb"), "backend": P.Data.LMDB, "batch_size": 64}
    if phase == "train":
        n.data, n.label = L.Data(**source, transform_param={"scale": 1 / 256}, ntop=2)
    else:
        n.data = L.Input(shape={"dim": [1000, 1, 28, 28]})
    last = n.data
    for index, outputs in enumerate((16, 32), 1):
        last = n[f"conv{index}"] = L.Convolution(last, kernel_size=5, num_output=outputs, **xavier)
        last = n[f"pool{index}"] = L.Pooling(last, kernel_size=2, stride=2, pool=P.Pooling.MAX)
        last = n[f"relu{index}"] = L.ReLU(last, in_place=True)
    n.features = L.InnerProduct(last, num_output=32, **xavier)
    kind, fields = ACTIVATIONS[name]
    n.code = getattr(L, kind)(n.features, **fields)
    n.score = L.InnerProduct(n.code, num_output=10, **xavier)
    if phase == "train":
        n.loss = L.SoftmaxWithLoss(n.score, n.label)
    path = out / f"{name}_{phase}.prototxt"
    path.write_text(str(n.to_proto()))
    return str(path)


for name in ACTIVATIONS:
    rate = {"base_lr": 0.02, "lr_policy": "poly", "power": 1, "max_iter": options.iterations}
    solver = caffe.SGDSolver(
        common.write_solver(out / "solver.prototxt", net(name, "train"), **rate)
    )
    solver.step(max(0, options.iterations - 10))
    values = []
    for _ in range(10):
        solver.step(1)
        values.append(solver.net.blobs["code"].data.copy())
    ends = [0, 1] if name == "ramp" else [-1, 1]
    near = np.abs(np.stack(values)[..., None] - ends).min(axis=-1) < 0.01

    test = caffe.Net(net(name, "test"), caffe.TEST)
    test.share_with(solver.net)
    right = 0
    for start in range(0, 10000, 1000):
        test.blobs["data"].data[...] = test_images[start : start + 1000] / 256
        found = test.forward()["score"].argmax(axis=1)
        right += (found == test_labels[start : start + 1000]).sum()
    print(f"{name}: accuracy {right / 10000:.4f} by bits, {near.mean():.4f} of the values are bits")
