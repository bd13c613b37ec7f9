"""LeNet, fed by the caller: two convolutions with pooling and two inner products.

After: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
recognition", 1998, in the form of Caffe's example: as lenet_train_test.prototxt, but for the data.
"""

from minicaffe import NetSpec
from minicaffe import layers as L  # noqa: N812  # pycaffe's names
from minicaffe import params as P  # noqa: N812

FIELDS = {"param": [{"lr_mult": 1}, {"lr_mult": 2}], "weight_filler": {"type": "xavier"}}


def net(phase=None, batch=64, classes=10):
    """Fed by the caller: ``data`` (batch, 1, 28, 28), and ``label`` (batch,) in training."""
    n = NetSpec()
    n.data = L.Input(shape=[{"dim": [batch, 1, 28, 28]}])
    n.label = L.Input(shape=[{"dim": [batch]}], include={"phase": "TRAIN"})
    n.conv1 = L.Convolution(n.data, num_output=20, kernel_size=5, **FIELDS)
    n.pool1 = L.Pooling(n.conv1, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.conv2 = L.Convolution(n.pool1, num_output=50, kernel_size=5, **FIELDS)
    n.pool2 = L.Pooling(n.conv2, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.ip1 = L.InnerProduct(n.pool2, num_output=500, **FIELDS)
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.relu1, num_output=classes, **FIELDS)
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label, include={"phase": "TRAIN"})
    n.prob = L.Softmax(n.ip2, include={"phase": "TEST"})
    return n
