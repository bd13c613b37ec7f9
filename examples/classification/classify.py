"""Classify pictures with a net that others trained, and look into the net.

Learn here: load a definition and its weights, prepare a picture with caffe.io.Transformer, run
the net on one picture and on a batch, name the likeliest classes, time a pass, and see the
filters and what comes out of them.

    python -m minicaffe.run examples/classification/classify.py

Prints the five likeliest classes of the picture, how many of the ten pictures of images/ are
right, and milliseconds a pass. Writes filters.png, conv1.png and pool3.png.
"""

import sys
from pathlib import Path

import caffe
import caffe.viz
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

HERE = Path(__file__).resolve().parent
CLASSES = ["airplane", "automobile", "bird", "cat", "deer"]
CLASSES += ["dog", "frog", "horse", "ship", "truck"]
MEAN_RGB = np.array([125.3, 123.0, 113.9])  # of CIFAR-10's training images

options = common.options(__doc__, image=str(HERE / "images" / "cat.png"), repeat=50)
caffe.set_mode_cpu()
net = caffe.Net(str(HERE / "cifar10.prototxt"), caffe.TEST, weights=str(HERE / "cifar10.h5"))
for name, blob in net.blobs.items():
    print(f"{name:6} {blob.data.shape}")

# load_image gives RGB from 0 to 1, height x width x planes. This net wants planes first and pixels
# up to 255; most of Caffe's want BGR too: set_channel_swap("data", (2, 1, 0)).
transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
transformer.set_transpose("data", (2, 0, 1))
transformer.set_raw_scale("data", 255)
transformer.set_mean("data", MEAN_RGB)

net.blobs["data"].data[...] = transformer.preprocess("data", caffe.io.load_image(options.image))
probabilities = net.forward()["prob"][0]
print(f"\n{Path(options.image).name}:")
for label in probabilities.argsort()[::-1][:5]:
    print(f"  {probabilities[label]:.4f} {CLASSES[label]}")

# Filters are seen in colour; caffe.viz takes planes for BGR, as they are in most nets.
bgr = {"conv1": net.params["conv1"][0].data[:, ::-1]}
caffe.viz.save(options.out / "filters.png", caffe.viz.filters(bgr, "conv1"))
for name in ("conv1", "pool3"):
    caffe.viz.save(options.out / f"{name}.png", caffe.viz.activations(net, name))

timer = caffe.Timer()
timer.start()
for _ in range(options.repeat):
    net.forward()
timer.stop()
print(f"{timer.ms / options.repeat:.2f} ms for one picture")

pictures = [HERE / "images" / f"{name}.png" for name in CLASSES]
net.blobs["data"].reshape(len(pictures), 3, 32, 32)
for place, picture in zip(net.blobs["data"].data, pictures, strict=True):
    place[...] = transformer.preprocess("data", caffe.io.load_image(str(picture)))
found = net.forward()["prob"].argmax(axis=1)
for label in np.flatnonzero(found != np.arange(10)):
    print(f"{CLASSES[label]} is taken for {CLASSES[found[label]]}")
print(f"{np.sum(found == np.arange(10))} of {len(pictures)} right")
