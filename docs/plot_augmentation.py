"""Draw the picture of docs/data.md: one image, and what each field of transform_param makes of it.

python docs/plot_augmentation.py docs/augmentation.png
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
from google.protobuf import text_format

from minicaffe.data.image import Layout
from minicaffe.data.transformer import Transformer
from minicaffe.proto.minicaffe_pb2 import TransformationParameter

SIDE, CROP, GAP, TITLE, COLUMNS = 128, 112, 8, 16, 6
CASES = [  # title, fields, seed of the chances; None in TEST
    ("crop_size: 112, TEST", "", None),
    ("crop_size: 112, TRAIN", "", 3),
    ("mirror", "mirror: true", 3),
    ("resized crop 0.2", "resized_crop_min_area: 0.2", 8),
    ("resized crop 0.2", "resized_crop_min_area: 0.2", 4),
    ("rotation 30", "rotation: 30", 1),
    ("brightness 0.4", "brightness: 0.4", 2),
    ("contrast 0.8", "contrast: 0.8", 5),
    ("saturation 1", "saturation: 1", 8),
    ("hue 0.3", "hue: 0.3", 1),
    ("cutout 40", "cutout_size: 40", 6),
    (
        "all of them",
        "mirror: true resized_crop_min_area: 0.2 rotation: 30 brightness: 0.2 contrast: 0.4 "
        "saturation: 0.5 hue: 0.1 cutout_size: 40",
        3,
    ),
]


def scene():
    """(SIDE, SIDE, 3) uint8, BGR: a house by the sea, so that up, left and colours show."""
    big = np.empty((4 * SIDE, 4 * SIDE, 3), np.uint8)
    big[:] = np.linspace((230, 170, 90), (250, 225, 190), 4 * SIDE)[:, None]
    cv2.circle(big, (400, 110), 46, (60, 210, 255), -1, cv2.LINE_AA)
    cv2.rectangle(big, (0, 300), (512, 400), (160, 110, 30), -1)
    cv2.ellipse(big, (200, 520), (420, 190), 0, 0, 360, (70, 150, 60), -1, cv2.LINE_AA)
    cv2.rectangle(big, (110, 230), (270, 400), (215, 225, 240), -1)
    roof = np.array([[90, 235], [190, 130], [290, 235]])
    cv2.fillPoly(big, [roof], (45, 55, 190), cv2.LINE_AA)
    cv2.rectangle(big, (140, 300), (185, 400), (40, 70, 110), -1)
    cv2.rectangle(big, (210, 270), (250, 320), (200, 150, 60), -1)
    sail = np.array([[400, 240], [400, 330], [455, 330]])
    cv2.fillPoly(big, [sail], (250, 250, 250), cv2.LINE_AA)
    cv2.ellipse(big, (410, 342), (50, 14), 0, 0, 180, (40, 40, 90), -1, cv2.LINE_AA)
    return cv2.resize(big, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def transformed(fields, seed):
    """What becomes of the scene, as an image again."""
    param = text_format.Parse(f"crop_size: {CROP} {fields}", TransformationParameter())
    it = Transformer(param, train=seed is not None)
    layout = Layout(3, SIDE, SIDE, np.uint8, True)
    chances = np.random.default_rng(seed).random((1, it.draws))
    y = np.empty((1, *it.shape(layout)), np.float32)
    it(layout, scene()[None], chances, y)
    return np.clip(y[0].transpose(1, 2, 0), 0, 255).astype(np.uint8)


def tile(title, image):
    """``image`` with ``title`` below."""
    found = np.full((CROP + TITLE + GAP, CROP + GAP, 3), 255, np.uint8)
    found[:CROP, :CROP] = image
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(found, title, (0, CROP + 12), font, 0.32, (60, 60, 60), 1, cv2.LINE_AA)
    return found


tiles = [tile(title, transformed(fields, seed)) for title, fields, seed in CASES]
rows = [np.hstack(tiles[n : n + COLUMNS]) for n in range(0, len(tiles), COLUMNS)]
cv2.imwrite(sys.argv[1], np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])
