"""The net that read zip codes in 1989, layer by layer and weight by weight.

Learn here: what came before ReLU, softmax and xavier. A tanh scaled so that 1 stays 1,
f(x) = 1.7159 tanh(2 x / 3), from Power, TanH, Power; targets of +1 and -1, where its curvature is
greatest, not its limits; weights from a uniform distribution of +-2.4 / F for F inputs; squared
error. A bias for each unit, not for each map (Bias with the map's axes), and a partial connection
table: a map of H2 sees 8 of the 12 maps of H1 (Slice, Concat). After Y. LeCun, B. Boser,
J. S. Denker, D. Henderson, R. E. Howard, W. Hubbard, L. D. Jackel, "Backpropagation applied to
handwritten zip code recognition", 1989, who had 5.0 % errors.

    python -m minicaffe.run examples/lecun1989/zipcodes.py

Prints the number of weights (theirs: 9760) and, of the 2007 test digits, the mean squared error of
an output and the share that is taken for another digit. Different from theirs: SGD with momentum in
batches of 10, where they had second derivatives and one digit at a time; which 8 of the 12 maps,
which they do not list; around the maps of H1 are zeros, not -1.
"""

import sys
from pathlib import Path

import caffe
import h5py
import numpy as np
from caffe import layers as L

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, passes=23, seed=1)
out, here = options.out, Path(__file__).resolve().parent
SIZES = {}
for part in ("train", "test"):
    rows = np.loadtxt(here / f"zip.{part}.gz", dtype=np.float32)
    images = rows[:, 1:].reshape(-1, 1, 16, 16)
    with h5py.File(out / f"{part}.h5", "w") as file:
        # two pixels of background on each side: Convolution would pad with 0, which is grey here
        file["data"] = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=-1)
        file["target"] = np.where(rows[:, :1] == np.arange(10), 1, -1).astype(np.float32)
    (out / f"{part}.txt").write_text(f"{out / part}.h5\n")
    SIZES[part] = len(rows)


def start(inputs):
    """Weights of a unit with so many inputs: small enough that it is not saturated."""
    return {"weight_filler": {"type": "uniform", "min": -2.4 / inputs, "max": 2.4 / inputs}}


def squash(n, name, bottom):
    """Add f(x) = 1.7159 tanh(2 x / 3): f(1) = 1, f(-1) = -1, and a slope near 1 between."""
    n[f"{name}_small"] = L.Power(bottom, scale=2 / 3)
    n[f"{name}_tanh"] = L.TanH(n[f"{name}_small"], in_place=True)
    n[name] = L.Power(n[f"{name}_tanh"], scale=1.7159)
    return n[name]


def net(part, batch_size):
    """16 x 16 pixels, 12 maps of 8 x 8, 12 of 4 x 4, 30 units, 10 units."""
    n = caffe.NetSpec()
    source = {"source": str(out / f"{part}.txt"), "batch_size": batch_size}
    n.data, n.target = L.HDF5Data(**source, shuffle=part == "train", ntop=2)
    maps = {"kernel_size": 5, "stride": 2, "bias_term": False}
    n.sum1 = L.Convolution(n.data, num_output=12, **maps, **start(25))
    n.bias1 = L.Bias(n.sum1, axis=1, num_axes=3)
    squash(n, "h1", n.bias1)
    n.maps1, n.maps2, n.maps3 = L.Slice(n.h1, axis=1, ntop=3)
    sums = []
    for one, other in ((1, 2), (2, 3), (1, 3)):  # each map of H1 is seen by 8 of H2
        seen = n[f"maps{one}{other}"] = L.Concat(n[f"maps{one}"], n[f"maps{other}"])
        conv = n[f"sum2_{one}{other}"] = L.Convolution(
            seen, num_output=4, pad=2, **maps, **start(200)
        )
        sums.append(conv)
    n.sum2 = L.Concat(*sums)
    n.bias2 = L.Bias(n.sum2, axis=1, num_axes=3)
    squash(n, "h2", n.bias2)
    n.sum3 = L.InnerProduct(n.h2, num_output=30, **start(192))
    squash(n, "h3", n.sum3)
    n.sum4 = L.InnerProduct(n.h3, num_output=10, **start(30))
    squash(n, "output", n.sum4)
    n.loss = L.EuclideanLoss(n.output, n.target)
    path = out / f"{part}.prototxt"
    path.write_text(str(n.to_proto()))
    return path


BATCH = 10
steps = SIZES["train"] // BATCH
nets = net("train", BATCH), net("test", SIZES["test"])  # all test digits at once
rate = {"base_lr": 0.01, "lr_policy": "poly", "power": 1, "max_iter": steps * options.passes}
rate |= {"weight_decay": 0, "random_seed": options.seed}
solver = caffe.SGDSolver(common.write_solver(out / "solver.prototxt", *nets, **rate))
test = solver.test_nets[0]
test.share_with(solver.net)
weights = sum(blob.count for blobs in solver.net.params.values() for blob in blobs)
print(f"{weights} weights")
for done in range(1, options.passes + 1):
    solver.step(steps)
    if done % 5 == 0 or done == options.passes:
        loss = float(test.forward()["loss"])
        output, target = (test.blobs[name].data for name in ("output", "target"))
        wrong = np.mean(output.argmax(axis=1) != target.argmax(axis=1))
        print(f"pass {done:2}: squared error {2 * loss / 10:.4f}, test errors {wrong:.4f}")
