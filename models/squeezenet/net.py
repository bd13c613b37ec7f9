"""SqueezeNet: fire modules, a 1x1 convolution that squeezes and two that expand.

After: F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer, "SqueezeNet:
AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size", 2016; names, and the
cheaper version 1.1, as in the authors' Caffe definitions.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

# channels and kernel of the first convolution, after what a pooling comes, pad of the last one
VERSIONS = {
    "1.0": {"first": (96, 7), "pools": (1, 4, 8), "pad": 1},
    "1.1": {"first": (64, 3), "pools": (1, 3, 5), "pad": 0},
}
# channels that squeeze, in each fire module
FIRES = {2: 16, 3: 16, 4: 32, 5: 32, 6: 48, 7: 48, 8: 64, 9: 64}


def net(phase=None, version="1.1", batch=32, classes=1000, size=227):
    """Fed by the caller: ``data`` (batch, 3, size, size), and ``label`` (batch,) in training."""
    n = NetSpec()
    given = VERSIONS[str(version)]
    n.data = L.Input(shape=[{"dim": [batch, 3, size, size]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    count, kernel = given["first"]
    n.conv1 = conv(n.data, count, kernel, stride=2)
    n.relu_conv1 = top = L.ReLU(n.conv1, in_place=True)
    for index in range(1, 10):
        if index > 1:
            top = fire(n, top, f"fire{index}", FIRES[index])
        if index in given["pools"]:
            n[f"pool{index}"] = top = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    n.drop9 = L.Dropout(top, in_place=True, dropout_ratio=0.5)
    start = {"type": "gaussian", "std": 0.01}
    n.conv10 = conv(n.drop9, classes, 1, pad=given["pad"], weight_filler=start)
    n.relu_conv10 = L.ReLU(n.conv10, in_place=True)
    n.pool10 = L.Pooling(n.relu_conv10, pool=P.Pooling.AVE, global_pooling=True)
    n.flat = L.Flatten(n.pool10)
    n.loss = L.SoftmaxWithLoss(n.flat, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(n.flat, include={"phase": "TEST"})
    return n


def fire(n, bottom, name, squeeze):
    """1x1 down to ``squeeze`` channels, then 1x1 and 3x3 up to four times as many, side by side."""
    top = relu(n, f"{name}/squeeze1x1", f"{name}/relu_squeeze1x1", conv(bottom, squeeze, 1))
    sides = [
        relu(n, f"{name}/expand1x1", f"{name}/relu_expand1x1", conv(top, 4 * squeeze, 1)),
        relu(n, f"{name}/expand3x3", f"{name}/relu_expand3x3", conv(top, 4 * squeeze, 3, pad=1)),
    ]
    n[f"{name}/concat"] = L.Concat(*sides)
    return n[f"{name}/concat"]


def relu(n, name, relu_name, top):
    """``top`` under ``name``, and its ReLU."""
    n[name] = top
    n[relu_name] = L.ReLU(top, in_place=True)
    return n[relu_name]


def conv(bottom, count, kernel, **fields):
    """A convolution with the authors' start."""
    fields.setdefault("weight_filler", {"type": "xavier"})
    return L.Convolution(bottom, num_output=count, kernel_size=kernel, **fields)
