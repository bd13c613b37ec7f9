"""What the scripts here share: LeNet as the teacher, lessons for a student, its examination."""

import sys
from pathlib import Path

import caffe
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common


def digits(part, count):
    """The first ``count`` digits of "train" or "t10k", from 0 to 1, and their labels."""
    images, labels = common.mnist(part, count)
    return images / np.float32(256), labels


def teacher(batch):
    """LeNet as it was trained with 60,000 labels, for so many digits at a time."""
    net = caffe.Net(common.LENET_DEPLOY, caffe.TEST, weights=common.LENET)
    net.blobs["data"].reshape(batch, 1, 28, 28)
    net.reshape()
    return net


def learn(solver, iterations, seed, count, lessons):
    """Train with batches of the first ``count`` digits, drawn by chance.

    Args:
        solver: of the student.
        iterations: how many batches.
        seed: of the drawing.
        count: how many digits there are to draw from.
        lessons: for each input of the net, by its name, an array with a row for each digit, or a
            function from a batch of such rows, of "data", to what the input gets.

    Returns:
        The loss of each iteration.
    """
    random, losses = np.random.RandomState(seed), []
    size = len(solver.net.blobs["data"].data)
    for _ in range(iterations):
        chosen = random.randint(0, count, size)
        batch = lessons["data"][chosen]
        for name in solver.net.inputs:
            lesson = lessons[name]
            given = lesson(batch) if callable(lesson) else lesson[chosen]
            solver.net.blobs[name].data[...] = given
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data))
    return losses


def accuracy(deploy, net, images, labels):
    """How many are told right by the definition ``deploy`` with the parameters of ``net``."""
    student = caffe.Net(str(deploy), caffe.TEST)
    student.share_with(net)  # two nets, one set of parameters
    scores = student.forward_all(data=images)["score"]
    return np.mean(scores.argmax(axis=1) == labels)


def report(name, accuracies):
    """Print the mean, and what it is the mean of."""
    each = " ".join(f"{value:.4f}" for value in accuracies)
    print(f"{name}: accuracy {np.mean(accuracies):.4f} of {each}", flush=True)
