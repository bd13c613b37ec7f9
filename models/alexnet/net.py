"""AlexNet: five convolutions, two of them in groups, and three inner products.

After: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional
neural networks", 2012, in the form and with the names of Caffe's bvlc_alexnet.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812


def net(phase=None, batch=256, classes=1000, size=227):
    """Fed by the caller: ``data`` (batch, 3, size, size), and ``label`` (batch,) in training."""
    n = NetSpec()
    n.data = L.Input(shape=[{"dim": [batch, 3, size, size]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    n.conv1 = conv(n.data, 96, 11, stride=4)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.norm1 = L.LRN(n.relu1, local_size=5, alpha=1e-4, beta=0.75)
    n.pool1 = L.Pooling(n.norm1, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    n.conv2 = conv(n.pool1, 256, 5, pad=2, group=2, bias=0.1)
    n.relu2 = L.ReLU(n.conv2, in_place=True)
    n.norm2 = L.LRN(n.relu2, local_size=5, alpha=1e-4, beta=0.75)
    n.pool2 = L.Pooling(n.norm2, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    n.conv3 = conv(n.pool2, 384, 3, pad=1)
    n.relu3 = L.ReLU(n.conv3, in_place=True)
    n.conv4 = conv(n.relu3, 384, 3, pad=1, group=2, bias=0.1)
    n.relu4 = L.ReLU(n.conv4, in_place=True)
    n.conv5 = conv(n.relu4, 256, 3, pad=1, group=2, bias=0.1)
    n.relu5 = L.ReLU(n.conv5, in_place=True)
    n.pool5 = L.Pooling(n.relu5, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    n.fc6 = inner(n.pool5, 4096, 0.005, bias=0.1)
    n.relu6 = L.ReLU(n.fc6, in_place=True)
    n.drop6 = L.Dropout(n.relu6, in_place=True, dropout_ratio=0.5)
    n.fc7 = inner(n.drop6, 4096, 0.005, bias=0.1)
    n.relu7 = L.ReLU(n.fc7, in_place=True)
    n.drop7 = L.Dropout(n.relu7, in_place=True, dropout_ratio=0.5)
    n.fc8 = inner(n.drop7, classes, 0.01)
    n.loss = L.SoftmaxWithLoss(n.fc8, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(n.fc8, include={"phase": "TEST"})
    return n


RATES = [{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}]


def conv(bottom, count, kernel, bias=0.0, **fields):
    """A convolution with the weights' start of the paper."""
    return L.Convolution(
        bottom,
        num_output=count,
        kernel_size=kernel,
        param=RATES,
        weight_filler={"type": "gaussian", "std": 0.01},
        bias_filler={"type": "constant", "value": bias},
        **fields,
    )


def inner(bottom, count, std, bias=0.0):
    """An inner product likewise."""
    return L.InnerProduct(
        bottom,
        num_output=count,
        param=RATES,
        weight_filler={"type": "gaussian", "std": std},
        bias_filler={"type": "constant", "value": bias},
    )
