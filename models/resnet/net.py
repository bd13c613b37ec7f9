"""ResNet of 50, 101 or 152 layers: bottlenecks with a shortcut around each.

After: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", 2015;
names as in the authors' Caffe definitions, BatchNorm and Scale in place.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def net(phase=None, depth=50, batch=32, classes=1000, size=224):
    """Fed by the caller: ``data`` (batch, 3, size, size), and ``label`` (batch,) in training."""
    n = NetSpec()
    n.data = L.Input(shape=[{"dim": [batch, 3, size, size]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    top = normalized(n, n.data, "conv1", "_conv1", 64, 7, stride=2, pad=3, bias_term=True)
    n.conv1_relu = L.ReLU(top, in_place=True)
    n.pool1 = top = L.Pooling(n.conv1_relu, pool=P.Pooling.MAX, kernel_size=3, stride=2)
    for stage, count in enumerate(BLOCKS[depth], 2):
        for index in range(count):
            top = bottleneck(n, top, f"{stage}{suffix(index, count)}", stage, first=index == 0)
    n.pool5 = L.Pooling(top, pool=P.Pooling.AVE, global_pooling=True)
    n[f"fc{classes}"] = last = L.InnerProduct(
        n.pool5,
        num_output=classes,
        param=[{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}],
        weight_filler={"type": "msra"},
    )
    n.loss = L.SoftmaxWithLoss(last, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(last, include={"phase": "TEST"})
    return n


def suffix(index, count):
    """``a``, ``b``, ``c``; in long stages ``a``, ``b1``, ``b2``."""
    if count > 8 or (count == 8 and index):
        return f"b{index}" if index else "a"
    return "abcdefgh"[index]


def bottleneck(n, bottom, name, stage, *, first):
    """1x1, 3x3, 1x1 and a shortcut; the first of a stage has a 1x1 there, and its stride."""
    wide = 64 << (stage - 2)
    stride = 2 if first and stage > 2 else 1
    shortcut = bottom
    if first:
        shortcut = normalized(
            n, bottom, f"res{name}_branch1", f"{name}_branch1", 4 * wide, 1, stride=stride
        )
    top = bottom
    shapes = [("2a", wide, 1, stride, 0), ("2b", wide, 3, 1, 1), ("2c", 4 * wide, 1, 1, 0)]
    for part, count, kernel, step, pad in shapes:
        at = f"{name}_branch{part}"
        top = normalized(n, top, f"res{at}", at, count, kernel, stride=step, pad=pad)
        if part != "2c":
            n[f"res{at}_relu"] = top = L.ReLU(top, in_place=True)
    n[f"res{name}"] = top = L.Eltwise(shortcut, top)
    n[f"res{name}_relu"] = top = L.ReLU(top, in_place=True)
    return top


def normalized(n, bottom, name, at, count, kernel, stride=1, pad=0, bias_term=False):
    """A convolution, BatchNorm and Scale; a bias, which BatchNorm takes away, only in conv1."""
    n[name] = L.Convolution(
        bottom,
        num_output=count,
        kernel_size=kernel,
        stride=stride,
        pad=pad,
        bias_term=bias_term,
        weight_filler={"type": "msra"},
    )
    n[f"bn{at}"] = L.BatchNorm(n[name], in_place=True)
    n[f"scale{at}"] = L.Scale(n[f"bn{at}"], in_place=True, bias_term=True)
    return n[f"scale{at}"]
