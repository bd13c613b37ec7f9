"""Edit the weights of nets by hand: make filters, and cast inner products into convolutions.

Learn here: net.params are arrays to write to. First a net whose filters we choose: the picture
itself, blurred, and its edges. Then LeNet, whose inner products become convolutions with the same
numbers, so that it reads a whole page in one pass: what it says of each place is what it would say
of the 28 x 28 pixels there.

    python -m minicaffe.run examples/net_surgery/surgery.py

Prints how far the two nets are apart, and how many digits of the page are read right. Writes
page.png, filtered.png and heat.png (red where the net is sure of a zero).
"""

import sys
from pathlib import Path

import caffe
import caffe.viz
import numpy as np
from caffe import layers as L
from caffe import params as P

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, rows=6, columns=8, digit=0)
out, rows, columns = options.out, options.rows, options.columns

# A page of test digits, each somewhere in a cell of its own, on a multiple of 4 pixels.
digits, labels = common.mnist("t10k", rows * columns)
page = np.zeros((rows * 40, columns * 40), np.float32)
corners = np.stack(np.divmod(np.arange(rows * columns), columns), 1) * 40
corners += np.random.RandomState(1).randint(0, 4, corners.shape) * 4
for (y, x), digit in zip(corners, digits[:, 0] / 256, strict=True):
    page[y : y + 28, x : x + 28] = digit
caffe.viz.save(out / "page.png", page)

n = caffe.NetSpec()
n.data = L.Input(shape={"dim": [1, 1, *page.shape]})
n.conv = L.Convolution(n.data, num_output=3, kernel_size=5, pad=2)
(out / "filters.prototxt").write_text(str(n.to_proto()))
net = caffe.Net(str(out / "filters.prototxt"), caffe.TEST)
weights, biases = (blob.data for blob in net.params["conv"])
biases[...] = 0
weights[0, 0, 2, 2] = 1  # all others are 0: as it is
bell = np.exp(-(np.arange(-2, 3) ** 2) / 2)
weights[1, 0] = np.outer(bell, bell) / bell.sum() ** 2  # blurred
weights[2, 0, 1:4, 1:4] = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]  # from dark to light
filtered = net.forward(data=page[None, None])["conv"]
print(f"as it is: {np.abs(filtered[0, 0] - page).max():.1e} apart")
caffe.viz.save(out / "filtered.png", np.hstack([caffe.viz.normalized(f) for f in filtered[0]]))

# LeNet as it was trained, and LeNet without inner products.
lenet = caffe.Net(common.LENET_DEPLOY, caffe.TEST, weights=common.LENET)
n = caffe.NetSpec()
n.data = L.Input(shape={"dim": [1, 1, 28, 28]})
n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20)
n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50)
n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
n["ip1-conv"] = L.Convolution(n.pool2, kernel_size=4, num_output=500)  # pool2 is 4 x 4
n.relu1 = L.ReLU(n["ip1-conv"], in_place=True)
n["ip2-conv"] = L.Convolution(n.relu1, kernel_size=1, num_output=10)
n.prob = L.Softmax(n["ip2-conv"])
(out / "lenet_conv.prototxt").write_text(str(n.to_proto()))
whole = caffe.Net(str(out / "lenet_conv.prototxt"), caffe.TEST, weights=common.LENET)
for name in ("ip1", "ip2"):  # conv1 and conv2 came with the file: they have the names there
    for cast, own in zip(whole.params[f"{name}-conv"], lenet.params[name], strict=True):
        print(f"{name}: {own.data.shape} -> {cast.data.shape}")
        cast.data.flat = own.data.flat

whole.blobs["data"].reshape(1, 1, *page.shape)
heat = whole.forward(data=page[None, None])["prob"][0]
print(f"page {page.shape}, read at {heat.shape[1]} x {heat.shape[2]} places")
places = [(i, j) for i in range(heat.shape[1]) for j in range(heat.shape[2])]
windows = np.stack([page[4 * i : 4 * i + 28, 4 * j : 4 * j + 28] for i, j in places])
alone = lenet.forward_all(data=windows[:, None])["prob"]
print(f"{len(places)} windows one by one: {np.abs(alone.T - heat.reshape(10, -1)).max():.1e} apart")

read = heat.argmax(axis=0)[tuple(corners.T // 4)]
print(f"{np.sum(read == labels)} of {len(labels)} digits right")
# Red at the middle of each window. Pieces of other digits, too, look like a zero to LeNet: in
# training it has seen only whole digits, in the middle of the picture.
sure = np.pad(np.kron(heat[options.digit], np.ones((4, 4))), 12)
caffe.viz.save(out / "heat.png", np.stack([np.maximum(sure, page), page, page], axis=2))
