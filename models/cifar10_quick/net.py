"""The "quick" net of Caffe's CIFAR-10 example, fed by the caller.

After: examples/cifar10/cifar10_quick_train_test.prototxt; A. Krizhevsky, cuda-convnet, 2011.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

RATES = [{"lr_mult": 1}, {"lr_mult": 2}]


def net(phase=None, batch=100, classes=10):
    """Fed by the caller: ``data`` (batch, 3, 32, 32), and ``label`` (batch,) in training."""
    n = NetSpec()
    n.data = L.Input(shape=[{"dim": [batch, 3, 32, 32]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    n.conv1 = conv(n.data, 32, 0.0001)
    n.pool1 = L.Pooling(n.conv1, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    n.relu1 = L.ReLU(n.pool1, in_place=True)
    n.conv2 = conv(n.relu1, 32, 0.01)
    n.relu2 = L.ReLU(n.conv2, in_place=True)
    n.pool2 = L.Pooling(n.relu2, pool=P.Pooling.AVE, kernel_size=3, stride=2)
    n.conv3 = conv(n.pool2, 64, 0.01)
    n.relu3 = L.ReLU(n.conv3, in_place=True)
    n.pool3 = L.Pooling(n.relu3, pool=P.Pooling.AVE, kernel_size=3, stride=2)
    n.ip1 = inner(n.pool3, 64)
    n.ip2 = inner(n.ip1, classes)
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(n.ip2, include={"phase": "TEST"})
    return n


def conv(bottom, count, std):
    """5x5, of the input's size."""
    return L.Convolution(
        bottom,
        num_output=count,
        kernel_size=5,
        pad=2,
        param=RATES,
        weight_filler={"type": "gaussian", "std": std},
    )


def inner(bottom, count):
    """An inner product."""
    return L.InnerProduct(
        bottom, num_output=count, param=RATES, weight_filler={"type": "gaussian", "std": 0.1}
    )
