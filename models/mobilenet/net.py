"""MobileNet v1: depthwise 3x3 convolutions, each followed by a 1x1 one.

After: A. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam,
"MobileNets: efficient convolutional neural networks for mobile vision applications", 2017;
names as in the Caffe definitions that are around.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

# name, channels of the 1x1, stride of the 3x3
PAIRS = [
    ("2_1", 64, 1),
    ("2_2", 128, 2),
    ("3_1", 128, 1),
    ("3_2", 256, 2),
    ("4_1", 256, 1),
    ("4_2", 512, 2),
    *[(f"5_{index}", 512, 1) for index in range(1, 6)],
    ("5_6", 1024, 2),
    ("6", 1024, 1),
]


def net(phase=None, batch=64, classes=1000, size=224, width=1.0):
    """Fed by the caller: ``data`` (batch, 3, size, size), and ``label`` (batch,) in training.

    ``width`` is the paper's multiplier of the numbers of channels.
    """
    n = NetSpec()
    n.data = L.Input(shape=[{"dim": [batch, 3, size, size]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    wide = round(32 * width)
    top = block(n, n.data, "conv1", wide, 3, stride=2, pad=1)
    for name, count, stride in PAIRS:
        top = block(n, top, f"conv{name}/dw", wide, 3, stride=stride, pad=1, group=wide)
        wide = round(count * width)
        top = block(n, top, f"conv{name}/sep", wide, 1)
    n.pool6 = L.Pooling(top, pool=P.Pooling.AVE, global_pooling=True)
    n.fc7 = L.Convolution(
        n.pool6, num_output=classes, kernel_size=1, weight_filler={"type": "msra"}
    )
    n.flat = L.Flatten(n.fc7)
    n.loss = L.SoftmaxWithLoss(n.flat, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(n.flat, include={"phase": "TEST"})
    return n


def block(n, bottom, name, count, kernel, **fields):
    """A convolution without bias, BatchNorm, Scale and ReLU."""
    n[name] = L.Convolution(
        bottom,
        num_output=count,
        kernel_size=kernel,
        bias_term=False,
        weight_filler={"type": "msra"},
        **fields,
    )
    n[f"{name}/bn"] = L.BatchNorm(n[name], in_place=True)
    n[f"{name}/scale"] = L.Scale(n[f"{name}/bn"], in_place=True, bias_term=True)
    n[f"relu{name[4:]}"] = L.ReLU(n[f"{name}/scale"], in_place=True)
    return n[f"relu{name[4:]}"]
