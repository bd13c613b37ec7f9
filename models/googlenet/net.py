"""GoogLeNet: nine inception modules, and two classifiers on the way that help training.

After: C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke,
A. Rabinovich, "Going deeper with convolutions", 2014, in the form and with the names of Caffe's
bvlc_googlenet.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

# channels of: 1x1; 3x3_reduce, 3x3; 5x5_reduce, 5x5; pool_proj
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
LOSSES = {"4a": "loss1", "4d": "loss2"}
POOLED_AFTER = {"3b": "pool3/3x3_s2", "4e": "pool4/3x3_s2"}
RATES = [{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}]
TRAIN = {"phase": "TRAIN"}


def net(phase=None, batch=32, classes=1000, size=224):
    """Fed by the caller: ``data`` (batch, 3, size, size), and ``label`` (batch,) in training."""
    n = NetSpec()
    n.data = L.Input(shape=[{"dim": [batch, 3, size, size]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include=TRAIN)
    top = conv(n, n.data, "conv1/7x7_s2", "conv1/relu_7x7", 64, 7, stride=2, pad=3)
    n["pool1/3x3_s2"] = top = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    n["pool1/norm1"] = top = L.LRN(top, local_size=5, alpha=1e-4, beta=0.75)
    top = conv(n, top, "conv2/3x3_reduce", "conv2/relu_3x3_reduce", 64, 1)
    top = conv(n, top, "conv2/3x3", "conv2/relu_3x3", 192, 3, pad=1)
    n["conv2/norm2"] = top = L.LRN(top, local_size=5, alpha=1e-4, beta=0.75)
    n["pool2/3x3_s2"] = top = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    for name, counts in INCEPTIONS.items():
        top = inception(n, top, f"inception_{name}", counts)
        if name in LOSSES:
            early_loss(n, top, LOSSES[name], classes)
        if name in POOLED_AFTER:
            n[POOLED_AFTER[name]] = top = L.Pooling(
                top, pool=P.Pooling.MAX, kernel_size=3, stride=2
            )
    n["pool5/7x7_s1"] = top = L.Pooling(top, pool=P.Pooling.AVE, global_pooling=True)
    n["pool5/drop_7x7_s1"] = top = L.Dropout(top, in_place=True, dropout_ratio=0.4)
    n["loss3/classifier"] = last = inner(top, classes)
    n["loss3/loss3"] = L.SoftmaxWithLoss(last, n.label, loss_weight=1, include=TRAIN)
    n.prob = L.Softmax(last, include={"phase": "TEST"})
    return n


def inception(n, bottom, name, counts):
    """Four ways side by side: 1x1, 3x3, 5x5 and pooling, the latter three with a 1x1 each."""
    one, three_reduce, three, five_reduce, five, projected = counts
    first = conv(n, bottom, f"{name}/1x1", f"{name}/relu_1x1", one, 1)
    second = conv(n, bottom, f"{name}/3x3_reduce", f"{name}/relu_3x3_reduce", three_reduce, 1)
    second = conv(n, second, f"{name}/3x3", f"{name}/relu_3x3", three, 3, pad=1)
    third = conv(n, bottom, f"{name}/5x5_reduce", f"{name}/relu_5x5_reduce", five_reduce, 1)
    third = conv(n, third, f"{name}/5x5", f"{name}/relu_5x5", five, 5, pad=2)
    n[f"{name}/pool"] = L.Pooling(bottom, pool=P.Pooling.MAX, kernel_size=3, stride=1, pad=1)
    fourth = conv(n, n[f"{name}/pool"], f"{name}/pool_proj", f"{name}/relu_pool_proj", projected, 1)
    n[f"{name}/output"] = L.Concat(first, second, third, fourth)
    return n[f"{name}/output"]


def early_loss(n, bottom, name, classes):
    """A classifier whose loss counts 0.3; in training alone."""
    n[f"{name}/ave_pool"] = top = L.Pooling(
        bottom, pool=P.Pooling.AVE, kernel_size=5, stride=3, include=TRAIN
    )
    top = conv(n, top, f"{name}/conv", f"{name}/relu_conv", 128, 1, include=TRAIN)
    n[f"{name}/fc"] = inner(top, 1024, include=TRAIN)
    n[f"{name}/relu_fc"] = L.ReLU(n[f"{name}/fc"], in_place=True, include=TRAIN)
    n[f"{name}/drop_fc"] = L.Dropout(
        n[f"{name}/relu_fc"], in_place=True, dropout_ratio=0.7, include=TRAIN
    )
    n[f"{name}/classifier"] = inner(n[f"{name}/drop_fc"], classes, include=TRAIN)
    n[f"{name}/loss"] = L.SoftmaxWithLoss(
        n[f"{name}/classifier"], n.label, loss_weight=0.3, include=TRAIN
    )


def conv(n, bottom, name, relu_name, count, kernel, include=None, **fields):
    """A convolution and its ReLU."""
    rule = {"include": include} if include else {}
    n[name] = L.Convolution(
        bottom,
        num_output=count,
        kernel_size=kernel,
        param=RATES,
        weight_filler={"type": "xavier"},
        bias_filler={"type": "constant", "value": 0.2},
        **fields,
        **rule,
    )
    n[relu_name] = L.ReLU(n[name], in_place=True, **rule)
    return n[relu_name]


def inner(bottom, count, **fields):
    """An inner product."""
    return L.InnerProduct(
        bottom, num_output=count, param=RATES, weight_filler={"type": "xavier"}, **fields
    )
