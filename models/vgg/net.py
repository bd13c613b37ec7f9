"""VGG: 3x3 convolutions in blocks, each followed by pooling, and three inner products.

After: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image
recognition", 2014; names as in the authors' Caffe definitions.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
RATES = [{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}]


def net(phase=None, depth=16, batch=64, classes=1000, size=224):
    """Fed by the caller: ``data`` (batch, 3, size, size), and ``label`` (batch,) in training."""
    n = NetSpec()
    n.data = top = L.Input(shape=[{"dim": [batch, 3, size, size]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    for block, (count, wide) in enumerate(
        zip(BLOCKS[depth], (64, 128, 256, 512, 512), strict=True), 1
    ):
        for index in range(1, count + 1):
            n[f"conv{block}_{index}"] = top = L.Convolution(
                top,
                num_output=wide,
                kernel_size=3,
                pad=1,
                param=RATES,
                weight_filler={"type": "msra"},
            )
            n[f"relu{block}_{index}"] = top = L.ReLU(top, in_place=True)
        n[f"pool{block}"] = top = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    for index in (6, 7):
        n[f"fc{index}"] = top = inner(top, 4096)
        n[f"relu{index}"] = top = L.ReLU(top, in_place=True)
        n[f"drop{index}"] = top = L.Dropout(top, in_place=True, dropout_ratio=0.5)
    n.fc8 = inner(top, classes)
    n.loss = L.SoftmaxWithLoss(n.fc8, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(n.fc8, include={"phase": "TEST"})
    return n


def inner(bottom, count):
    """An inner product, started as the authors do."""
    return L.InnerProduct(
        bottom, num_output=count, param=RATES, weight_filler={"type": "gaussian", "std": 0.005}
    )
