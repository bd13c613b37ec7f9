"""Pictures of a net: its graph, its filters, what it looks at, what it looks for.

Learn here: caffe.draw, which needs no Graphviz, and the functions of caffe.viz. Open lenet.html in
a browser: it pans, zooms, and shows a layer's fields on click.

    python -m minicaffe.run examples/pictures/pictures.py

Prints the files it writes: lenet.svg, .png and .html; filters.png of conv1; saliency.png, the
pixels that the answer depends on, beside the digit; classes.png, for each digit the picture that
LeNet takes for it most of all.
"""

import sys
from pathlib import Path

import caffe
import caffe.draw
import caffe.viz
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

options = common.options(__doc__, steps=100, digits=8)
out = options.out
text = Path(common.LENET_DEPLOY).read_text()
definition = text_format.Merge(text, caffe_pb2.NetParameter())
for ending in ("svg", "png", "html"):
    caffe.draw.draw_net_to_file(definition, str(out / f"lenet.{ending}"), "LR")

definition.force_backward = True  # gradients down to the pixels
(out / "lenet.prototxt").write_text(str(definition))
net = caffe.Net(str(out / "lenet.prototxt"), caffe.TEST, weights=common.LENET)
caffe.viz.save(out / "filters.png", caffe.viz.filters(net, "conv1"))

digits, labels = common.mnist("t10k", options.digits)
net.blobs["data"].reshape(*digits.shape)
net.forward(data=digits / 256)
maps = [caffe.viz.saliency(net, int(label), image=i) for i, label in enumerate(labels)]
rows = np.hstack([np.vstack([d[0] / 255, m]) for d, m in zip(digits, maps, strict=True)])
caffe.viz.save(out / "saliency.png", np.kron(rows, np.ones((4, 4))))

net.blobs["data"].reshape(1, 1, 28, 28)
models = []
for label in range(10):
    models.append(caffe.viz.class_model(net, label, steps=options.steps, rate=0.05))
    print(f"{label}: probability {net.forward()['prob'][0, label]:.3f}")
caffe.viz.save(out / "classes.png", np.kron(caffe.viz.vis_square(models), np.ones((4, 4))))
print(*sorted(path.name for path in out.iterdir()))
