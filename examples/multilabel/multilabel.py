"""Several labels a picture, and a data layer of your own in Python.

Learn here: the Python layer of digits_layer.py, which makes batches in a thread, and
SigmoidCrossEntropyLoss, for which every label is a yes or no of its own. The question: which of
the ten digits are in the picture?

    python -m minicaffe.run examples/multilabel/multilabel.py

Prints the share of right answers (one less the Hamming distance), beside that of answering no
always, which is high: most digits are not there.
"""

import json
import sys
from pathlib import Path

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=1000, prefetch=4)
out = options.out


def net(**data):
    """A net that reads pictures from our layer."""
    learned = {"weight_filler": {"type": "xavier"}, "param": [{"lr_mult": 1}, {"lr_mult": 2}]}
    pool = {"kernel_size": 2, "stride": 2, "pool": P.Pooling.MAX}
    n = caffe.NetSpec()
    ours = {"module": "digits_layer", "layer": "SeveralDigits", "param_str": json.dumps(data)}
    n.data, n.label = L.Python(python_param=ours, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, **learned)
    n.pool1 = L.Pooling(n.conv1, **pool)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50, **learned)
    n.pool2 = L.Pooling(n.conv2, **pool)
    n.ip1 = L.InnerProduct(n.pool2, num_output=300, **learned)
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.score = L.InnerProduct(n.relu1, num_output=10, **learned)
    n.loss = L.SigmoidCrossEntropyLoss(n.score, n.label)
    return n.to_proto()


train = {"part": "train", "count": 20000, "batch_size": 64, "seed": 1}
test = {"part": "t10k", "count": 2000, "batch_size": 100, "seed": 2}
nets = out / "train.prototxt", out / "test.prototxt"
for path, data in zip(nets, (train, test), strict=True):
    path.write_text(str(net(prefetch=options.prefetch, **data)))
solver = caffe.SGDSolver(common.write_solver(out / "solver.prototxt", *nets, base_lr=0.01))
solver.test_nets[0].share_with(solver.net)


def evaluate(batches=10):
    """The shares of right answers, of answering no, and of pictures without a mistake."""
    net, answers = solver.test_nets[0], []
    for _ in range(batches):
        net.forward()
        answers.append((net.blobs["score"].data > 0, net.blobs["label"].data > 0))
    found, present = np.concatenate(answers, axis=1)
    right = found == present
    return right.mean(), 1 - present.mean(), right.all(axis=1).mean()


while solver.iter < options.iterations:
    solver.step(min(100, options.iterations - solver.iter))
    loss = float(solver.net.blobs["loss"].data)
    print(f"iteration {solver.iter:5}: loss {loss:.3f}, accuracy {evaluate()[0]:.3f}")
right, no, whole = evaluate(20)
print(f"accuracy {right:.3f}, answering no always {no:.3f}, pictures without mistake {whole:.3f}")
