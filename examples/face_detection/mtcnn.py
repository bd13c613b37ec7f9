"""Find faces by a cascade of three nets that others trained, and draw them.

Learn here: run one net on pictures of many sizes, feed what one net finds to the next, reshape a
net to as many inputs as there are, and turn what nets say of boxes into boxes.

    python -m minicaffe.run examples/face_detection/mtcnn.py
    python -m minicaffe.run examples/face_detection/mtcnn.py --image my.jpg --smallest 40

The first net looks at the picture in all sizes and is quick to drop what is no face; the second and
the third look closer at what is left. Prints the faces of each picture, and how many boxes each net
has left; writes the pictures with boxes, and the five points that the third net finds: the eyes,
the nose, the corners of the mouth.

After: K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint face detection and alignment using multitask
cascaded convolutional networks", 2016. Its nets were trained on pictures with x before y.
"""

import sys
from pathlib import Path

import caffe
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

HERE = Path(__file__).resolve().parent
THRESHOLDS = (0.6, 0.7, 0.7)  # what each net has to be sure of
SHRINK = 0.709  # from one size of the picture to the next: half the area
WINDOW, STRIDE = 12, 2  # of the first net


def prepare(picture, width, height):
    """(3, width, height): planes of red, green and blue, resized, from about -1 to 1."""
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return (resized[:, :, ::-1].transpose(2, 1, 0) - 127.5) / 128


def run(net, inputs):
    """What ``net`` says of ``inputs`` (N, 3, W, H): that it is a face, and the other outputs."""
    net.blobs["data"].reshape(*inputs.shape)
    net.blobs["data"].data[...] = inputs
    outputs = {name: values.copy() for name, values in net.forward().items()}
    return outputs.pop("prob1")[:, 1], *(outputs[name] for name in sorted(outputs))


def best(boxes, scores, threshold, of_smaller=False):
    """Which boxes are left, from the best score down, if none may cover another too much.

    Covered area is taken of both boxes together, or of the smaller one alone.
    """
    area = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1)
    order, left = np.argsort(-scores, kind="stable"), []
    while len(order):
        first, order = order[0], order[1:]
        left.append(first)
        sides = np.minimum(boxes[first, 2:], boxes[order, 2:])
        sides = sides - np.maximum(boxes[first, :2], boxes[order, :2]) + 1
        shared = np.prod(np.maximum(sides, 0), axis=1)
        smaller, both = np.minimum(area[first], area[order]), area[first] + area[order] - shared
        order = order[shared / (smaller if of_smaller else both) <= threshold]
    return np.array(left, int)


def move(boxes, offsets, one=1):
    """The boxes with their corners moved by ``offsets``, which are shares of their sides."""
    sides = boxes[:, 2:] - boxes[:, :2] + one
    return boxes + offsets * np.hstack([sides, sides])


def square(boxes):
    """Squares around the same centres, as large as the longer side, in whole pixels."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides / 2 - longer / 2
    return np.trunc(np.hstack([corner, corner + longer]))


def crops(picture, boxes, size):
    """(N, 3, size, size): what is in the boxes; black where they reach out of the picture."""
    result = []
    height, width = picture.shape[:2]
    for x1, y1, x2, y2 in boxes.astype(int):
        crop = np.zeros((y2 - y1 + 1, x2 - x1 + 1, 3), np.float32)
        top, left, bottom, right = max(y1, 0), max(x1, 0), min(y2 + 1, height), min(x2 + 1, width)
        crop[top - y1 : bottom - y1, left - x1 : right - x1] = picture[top:bottom, left:right]
        result.append(prepare(crop, size, size))
    return np.array(result)


def look_everywhere(net, picture, smallest):
    """Boxes (N, 4) in which the first net expects a face, in all sizes of the picture."""
    height, width = picture.shape[:2]
    found, scale = [np.empty((0, 9))], WINDOW / smallest
    while min(height, width) * scale >= WINDOW:
        size = int(np.ceil(width * scale)), int(np.ceil(height * scale))
        face, offsets = run(net, prepare(picture, *size)[None])
        x, y = np.nonzero(face[0] > THRESHOLDS[0])
        corner = STRIDE * np.stack([x, y], 1) + 1
        boxes = np.floor(np.hstack([corner, corner + WINDOW - 1]) / scale)
        rows = np.hstack([boxes, offsets[0][:, x, y].T, face[0, x, y][:, None]])
        found.append(rows[best(boxes, rows[:, 8], 0.5)])
        scale *= SHRINK
    rows = np.concatenate(found)
    rows = rows[best(rows[:, :4], rows[:, 8], 0.7)]
    return square(move(rows[:, :4], rows[:, 4:8], one=0))


def detect(nets, picture, smallest):
    """Boxes (N, 4), scores (N,) and points (N, 5, 2) of the faces; how many each net has left."""
    picture = picture.astype(np.float32)
    boxes = look_everywhere(nets[0], picture, smallest)
    counts = [len(boxes)]
    scores, points = np.empty(0), np.empty((0, 5, 2))
    if len(boxes):
        face, offsets = run(nets[1], crops(picture, boxes, 24))
        sure = face > THRESHOLDS[1]
        boxes, face, offsets = boxes[sure], face[sure], offsets[sure]
        left = best(boxes, face, 0.7)
        boxes = square(move(boxes[left], offsets[left]))
        counts.append(len(boxes))
    if len(boxes):
        face, offsets, places = run(nets[2], crops(picture, boxes, 48))
        sure = face > THRESHOLDS[2]
        boxes, face, offsets, places = boxes[sure], face[sure], offsets[sure], places[sure]
        sides = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None]
        points = places.reshape(-1, 2, 5).transpose(0, 2, 1) * sides + boxes[:, None, :2] - 1
        boxes = move(boxes, offsets)
        left = best(boxes, face, 0.7, of_smaller=True)
        boxes, scores, points = boxes[left], face[left], points[left]
        counts.append(len(boxes))
    return boxes, scores, points, counts


options = common.options(__doc__, image="", smallest=20)
caffe.set_mode_cpu()
nets = [
    caffe.Net(str(HERE / f"det{i}.prototxt"), str(HERE / f"det{i}.caffemodel"), caffe.TEST)
    for i in (1, 2, 3)
]
for path in [Path(options.image)] if options.image else [HERE / "test1.jpg", HERE / "test2.jpg"]:
    picture = cv2.imread(str(path))
    if picture is None:
        sys.exit(f"{path}: no picture")
    boxes, scores, points, counts = detect(nets, picture, options.smallest)
    print(f"{path.name}: {len(boxes)} face(s); boxes left by each net: {counts}")
    for box, score, five in zip(boxes, scores, points, strict=True):
        print(f"  {score:.4f} x {box[0]:.0f}..{box[2]:.0f} y {box[1]:.0f}..{box[3]:.0f}")
        start, end = (tuple(map(int, corner.round())) for corner in (box[:2], box[2:]))
        cv2.rectangle(picture, start, end, (0, 255, 0), 2)
        for point in five:
            cv2.circle(picture, tuple(map(int, point.round())), 2, (0, 0, 255), -1)
    cv2.imwrite(str(options.out / f"{path.stem}.png"), picture)
