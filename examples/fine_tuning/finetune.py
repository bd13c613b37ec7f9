"""Fine-tuning: a net that learned one task is a good start for another with few examples.

Learn here: copy weights by the names of layers, rename the last layer so that it starts anew, let
it learn ten times as fast as the rest, or let it learn alone. LeNet knows MNIST's 60,000 digits;
the task is another collection, 8 x 8 pixels made with other pens, with ten examples of each digit.

    python -m minicaffe.run examples/fine_tuning/finetune.py

Prints the accuracy on 1797 test digits: trained from scratch, fine-tuned, and with all layers
frozen but the last. Writes the definitions and finetuned.caffemodel.
"""

import sys
from pathlib import Path

import caffe
import cv2
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, iterations=200, examples=10)
out = options.out


def as_mnist(part):
    """Digits of 8 x 8 pixels at the size of MNIST's: 20 x 20, with a margin of 4."""
    small, labels = common.optdigits(part)
    large = [cv2.resize(digit[0], (20, 20), interpolation=cv2.INTER_CUBIC) for digit in small]
    images = np.pad(np.clip(large, 0, 1), [(0, 0), (4, 4), (4, 4)])
    return images[:, None].astype(np.float32), labels.astype(np.float32)


images, labels = as_mnist("tra")
few = np.concatenate([np.flatnonzero(labels == k)[: options.examples] for k in range(10)])
few = few[np.random.RandomState(1).permutation(len(few))]  # else a batch would be one digit
test_images, test_labels = as_mnist("tes")


def lenet(rate=1, batch_size=50):
    """LeNet, whose last layer has a new name; ``rate`` is how fast the others learn."""

    def learned(rate):
        return {"param": [{"lr_mult": rate}, {"lr_mult": 2 * rate}]}

    xavier = {"weight_filler": {"type": "xavier"}}
    size = {"batch_size": batch_size, "channels": 1, "height": 28, "width": 28}
    n = caffe.NetSpec()
    n.data, n.label = L.MemoryData(**size, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, **xavier, **learned(rate))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50, **xavier, **learned(rate))
    n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(n.pool2, num_output=500, **xavier, **learned(rate))
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2_new = L.InnerProduct(n.relu1, num_output=10, **xavier, **learned(10))
    n.accuracy = L.Accuracy(n.ip2_new, n.label)
    n.loss = L.SoftmaxWithLoss(n.ip2_new, n.label)
    return n.to_proto()


def train(name, weights=None, rate=1):
    """Train on the few examples; returns the solver, and prints the test accuracy."""
    nets = out / f"{name}_train.prototxt", out / f"{name}_test.prototxt"
    nets[0].write_text(str(lenet(rate)))
    nets[1].write_text(str(lenet(rate, len(test_labels))))  # all of them at once
    solver = caffe.SGDSolver(common.write_solver(out / f"{name}.prototxt", *nets, base_lr=0.001))
    if weights:
        solver.net.copy_from(weights)
    solver.net.set_input_arrays(images[few], labels[few])
    solver.step(options.iterations)
    test = solver.test_nets[0]
    test.share_with(solver.net)
    test.set_input_arrays(test_images, test_labels)
    print(f"{name}: accuracy {float(test.forward()['accuracy']):.3f}")
    return solver


print(f"{len(few)} examples, {options.iterations} iterations")
train("scratch")
train("finetuned", common.LENET).net.save(str(out / "finetuned.caffemodel"))
train("last_layer", common.LENET, rate=0)
