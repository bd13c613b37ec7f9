"""A siamese net: digits as points in the plane, learned from pairs alone.

Learn here: two branches that share their parameters by name, a database of pairs (two planes of
one picture, parted by Slice), ContrastiveLoss. No label of a digit is used in training, only
whether two digits are the same. After R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by
learning an invariant mapping", 2006.

    python -m minicaffe.run examples/siamese/siamese.py

Prints the loss, whether both branches have the same weights in the end, and for how many of the
10,000 test digits the nearest of 2000 training digits in the plane has the same label. Writes the
definitions, siamese.caffemodel and embedding.png: a point for each of 1000 test digits, a colour
for each label.
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

options = common.options(__doc__, iterations=2000, pairs=60000, seed=1)
out = options.out
random = np.random.RandomState(options.seed)
images, labels = common.mnist("train", 60000)

# Half of the pairs are alike: among chance pairs only one in ten would be.
of_label = [np.flatnonzero(labels == label) for label in range(10)]
first = random.randint(0, len(labels), options.pairs)
alike = [random.choice(of_label[labels[i]]) for i in first[::2]]
second = np.stack([alike, random.randint(0, len(labels), len(alike))], 1).ravel()
pairs = np.concatenate([images[first], images[second]], axis=1)
common.write_lmdb(out / "pairs_lmdb", pairs, labels[first] == labels[second])


def branch(n, data, suffix=""):
    """Add LeNet from ``data`` to two numbers; parameters of one name are one parameter."""

    def learned(name):
        shared = [{"name": f"{name}_w", "lr_mult": 1}, {"name": f"{name}_b", "lr_mult": 2}]
        return {"name": f"{name}{suffix}", "param": shared, "weight_filler": {"type": "xavier"}}

    pool = {"kernel_size": 2, "stride": 2, "pool": P.Pooling.MAX}
    conv1 = L.Convolution(data, kernel_size=5, num_output=20, **learned("conv1"))
    pool1 = L.Pooling(conv1, name=f"pool1{suffix}", **pool)
    conv2 = L.Convolution(pool1, kernel_size=5, num_output=50, **learned("conv2"))
    pool2 = L.Pooling(conv2, name=f"pool2{suffix}", **pool)
    ip1 = L.InnerProduct(pool2, num_output=500, **learned("ip1"))
    relu1 = L.ReLU(ip1, name=f"relu1{suffix}", in_place=True)
    ip2 = L.InnerProduct(relu1, num_output=10, **learned("ip2"))
    n[f"feature{suffix}"] = L.InnerProduct(ip2, num_output=2, **learned("feature"))


n = caffe.NetSpec()
source = {"source": str(out / "pairs_lmdb"), "backend": P.Data.LMDB, "batch_size": 64}
n.pair, n.alike = L.Data(**source, transform_param={"scale": 1 / 256}, ntop=2)
n.left, n.right = L.Slice(n.pair, axis=1, slice_point=1, ntop=2)
branch(n, n.left)
branch(n, n.right, "_p")
n.loss = L.ContrastiveLoss(n.feature, n.feature_p, n.alike, margin=1)
(out / "train.prototxt").write_text(str(n.to_proto()))

rate = {"base_lr": 0.1, "lr_policy": "inv", "gamma": 0.0001, "power": 0.75, "weight_decay": 0}
rate["random_seed"] = options.seed
solver = caffe.SGDSolver(
    common.write_solver(out / "solver.prototxt", out / "train.prototxt", **rate)
)
losses = []
while solver.iter < options.iterations:
    solver.step(1)
    losses.append(float(solver.net.blobs["loss"].data))
    if solver.iter % 100 == 0:
        print(f"iteration {solver.iter:5}: loss {np.mean(losses[-100:]):.4f}")
solver.net.save(str(out / "siamese.caffemodel"))
both = [
    [solver.net.params[f"{name}{suffix}"][i].data for suffix in ("", "_p")]
    for name in ("conv1", "conv2", "ip1", "ip2", "feature")
    for i in (0, 1)
]
print("one set of parameters:", all(np.shares_memory(*pair) for pair in both))
print("the same weights in both branches:", all(np.array_equal(*pair) for pair in both))

# One branch is enough to look at a digit.
n = caffe.NetSpec()
n.data = L.Input(shape={"dim": [100, 1, 28, 28]})
branch(n, n.data)
(out / "deploy.prototxt").write_text(str(n.to_proto()))
net = caffe.Net(str(out / "deploy.prototxt"), caffe.TEST, weights=str(out / "siamese.caffemodel"))
digits, answers = common.mnist("t10k", 10000)
known = net.forward_all(data=images[:2000] / 256)["feature"]
points = net.forward_all(data=digits / 256)["feature"]
distances = sum((points[:, None, axis] - known[:, axis]) ** 2 for axis in (0, 1))
found = labels[distances.argmin(axis=1)]
print(f"nearest neighbour in the plane: accuracy {np.mean(found == answers):.3f}")

colours = np.random.RandomState(4).permutation(np.mgrid[0:1:3j, 0:1:3j, 0:1:3j].reshape(3, -1).T)
picture = np.ones((512, 512, 3))
spread = points - points.min(axis=0)
places = (spread / spread.max(axis=0) * 506).astype(int)
for (x, y), label in zip(places[:1000], answers[:1000], strict=True):
    picture[y : y + 5, x : x + 5] = colours[label]
caffe.viz.save(out / "embedding.png", picture)
