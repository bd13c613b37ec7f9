"""Make small databases of images with objects."""

from __future__ import annotations

import cv2
import numpy as np

from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum, Datum
from tests.data.databases import datum


def record(pixels, objects=(), *, encode=False, label=0, boxes=True):
    """A record of (C, H, W) uint8 ``pixels`` and (label, instance, box, difficult) ``objects``."""
    made = AnnotatedDatum()
    if boxes:
        made.type = AnnotatedDatum.BBOX
    if encode:
        file = cv2.imencode(".png", pixels.transpose(1, 2, 0))[1].tobytes()
        made.datum.CopyFrom(Datum(data=file, encoded=True, label=label))
    else:
        made.datum.CopyFrom(datum(pixels, label))
    groups = {}
    for kind, instance, box, difficult in objects:
        if kind not in groups:
            groups[kind] = made.annotation_group.add(group_label=kind)
        bbox = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        groups[kind].annotation.add(instance_id=instance, bbox={**bbox, "difficult": difficult})
    return made


def numbered(count, shape=(3, 8, 12), seed=1701, **kwargs):
    """``count`` records of random pixels; number n has n % 3 objects, of class 1 and 2."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(count):
        objects = [(1 + i, n, (0.1 * i, 0.25, 0.1 * i + 0.5, 0.75), bool(i)) for i in range(n % 3)]
        pixels = rng.integers(0, 256, shape).astype(np.uint8)
        made.append(record(pixels, objects, label=n, **kwargs))
    return made
