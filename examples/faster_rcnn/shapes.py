"""Find and name shapes with Faster R-CNN, learned end to end from pictures that are drawn here.

Learn here: the layers that py-faster-rcnn has in Python, by the names that its definitions have,
which are built in; a net whose blobs have another size in each picture; a loss with four parts.

    python -m minicaffe.run examples/faster_rcnn/shapes.py --iterations 400

A few convolutions; on them a net that says of 192 anchors whether they are objects and how to move
them; the regions that it proposes, pooled; a net that names them and moves them once more. Squares,
discs and triangles on noise. Prints the loss, then, of test pictures, how many of the shapes are
among the 50 best proposals, and the average precision of each class; writes a picture of findings.

After: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection with
region proposal networks", 2015.
"""

import sys
from pathlib import Path

import caffe
import cv2
import numpy as np
from caffe import layers as L

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

SIZE, STRIDE = 64, 8
CLASSES = ["background", "square", "disc", "triangle"]
COLOURS = [(255, 255, 255), (0, 255, 0), (0, 0, 255), (255, 128, 0)]
ANCHORS = "'feat_stride': 8, 'scales': [1, 1.5], 'ratios': [0.75, 1.33]"
COUNT = 4  # at each position: two scales, two ratios
DEVIATIONS = np.array([0.1, 0.1, 0.2, 0.2])  # that targets are divided by


def draw(rng):
    """A picture (3, 64, 64) of noise and one to three shapes, and their boxes and classes."""
    picture = rng.normal(0, 0.3, (SIZE, SIZE, 3)).astype(np.float32)
    boxes = []
    for _ in range(rng.integers(1, 4)):
        side, kind = int(rng.integers(13, 27)), int(rng.integers(1, 4))
        x, y = rng.integers(0, SIZE - side, 2)
        box = np.array([x, y, x + side - 1, y + side - 1])
        if any(overlap(box, other[:4]) > 0.05 for other in boxes):
            continue
        colour = tuple(rng.uniform(0.5, 1.5, 3) * rng.choice([-1, 1]))
        if kind == 1:
            cv2.rectangle(picture, box[:2].tolist(), box[2:].tolist(), colour, -1)
        elif kind == 2:
            cv2.circle(picture, (box[:2] + side // 2).tolist(), side // 2, colour, -1)
        else:
            corners = [[x, y + side - 1], [x + side - 1, y + side - 1], [x + side // 2, y]]
            cv2.fillPoly(picture, [np.array(corners, np.int32)], colour)
        boxes.append(np.array([*box, kind], np.float32))
    return picture.transpose(2, 0, 1), np.array(boxes)


def overlap(box, other):
    """Intersection over union of two boxes in whole pixels."""
    low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
    shared = np.prod(np.maximum(high - low + 1, 0))
    areas = [np.prod(each[2:] - each[:2] + 1) for each in (box, other)]
    return shared / (sum(areas) - shared)


def convolution(bottom, count, size=3, stride=1, deviation=None):
    """A convolution that keeps the size, but for its stride."""
    filler = {"type": "msra"} if deviation is None else {"type": "gaussian", "std": deviation}
    return L.Convolution(
        bottom,
        num_output=count,
        kernel_size=size,
        stride=stride,
        pad=size // 2,
        weight_filler=filler,
    )


def python(module, layer, *bottoms, told, ntop):
    """A layer that py-faster-rcnn has in Python: its module and name, and what it is told."""
    layer = {"module": f"rpn.{module}", "layer": layer, "param_str": f"{{{told}}}"}
    return L.Python(*bottoms, python_param=layer, ntop=ntop)


def write_net(path, train):
    """Write the net: with its losses, or with the scores and offsets of its regions."""
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [1, 3, SIZE, SIZE]})
    n.im_info = L.Input(shape={"dim": [1, 3]})
    if train:
        n.gt_boxes = L.Input(shape={"dim": [1, 5]})
    below = n.data
    for i, count in enumerate((16, 32, 64), 1):
        n[f"conv{i}"] = convolution(below, count, stride=2)
        n[f"relu{i}"] = below = L.ReLU(n[f"conv{i}"], in_place=True)
    n.rpn = convolution(below, 64)
    n.rpn_relu = L.ReLU(n.rpn, in_place=True)
    n.rpn_score = convolution(n.rpn_relu, 2 * COUNT, 1, deviation=0.01)
    n.rpn_offsets = convolution(n.rpn_relu, 4 * COUNT, 1, deviation=0.01)
    # softmax over two: all anchors of a kind below each other
    n.rpn_pairs = L.Reshape(n.rpn_score, shape={"dim": [0, 2, -1, 0]})
    if train:
        n.rpn_labels, n.rpn_targets, n.rpn_inside, n.rpn_outside = python(
            "anchor_target_layer", "AnchorTargetLayer", n.rpn_score, n.gt_boxes, n.im_info,
            told=f"{ANCHORS}, 'rpn_batchsize': 64", ntop=4,
        )  # fmt: skip
        n.rpn_loss = L.SoftmaxWithLoss(
            n.rpn_pairs, n.rpn_labels, propagate_down=[True, False], ignore_label=-1
        )
        n.rpn_loss_box = L.SmoothL1Loss(
            n.rpn_offsets, n.rpn_targets, n.rpn_inside, n.rpn_outside, sigma=3
        )
    n.rpn_probability = L.Softmax(n.rpn_pairs)
    n.rpn_scores = L.Reshape(n.rpn_probability, shape={"dim": [0, 2 * COUNT, -1, 0]})
    told = f"{ANCHORS}, 'rpn_min_size': 6, 'rpn_post_nms_top_n': 50"
    n.rois = python(
        "proposal_layer", "ProposalLayer", n.rpn_scores, n.rpn_offsets, n.im_info, told=told, ntop=1
    )
    rois = n.rois
    if train:
        n.chosen, n.labels, n.targets, n.inside, n.outside = python(
            "proposal_target_layer", "ProposalTargetLayer", n.rois, n.gt_boxes,
            told=f"'num_classes': {len(CLASSES)}, 'batch_size': 32", ntop=5,
        )  # fmt: skip
        rois = n.chosen
    n.pooled = L.ROIPooling(below, rois, pooled_h=4, pooled_w=4, spatial_scale=1 / STRIDE)
    n.fc = L.InnerProduct(n.pooled, num_output=64, weight_filler={"type": "msra"})
    n.fc_relu = L.ReLU(n.fc, in_place=True)
    small = {"type": "gaussian", "std": 0.01}
    n.score = L.InnerProduct(n.fc_relu, num_output=len(CLASSES), weight_filler=small)
    n.offsets = L.InnerProduct(n.fc_relu, num_output=4 * len(CLASSES), weight_filler=small)
    if train:
        n.loss = L.SoftmaxWithLoss(n.score, n.labels, propagate_down=[True, False])
        n.loss_box = L.SmoothL1Loss(n.offsets, n.targets, n.inside, n.outside)
    else:
        n.probability = L.Softmax(n.score)
    path.write_text(str(n.to_proto()))
    return str(path)


def feed(net, picture, shapes=None):
    """Fill the inputs of ``net``."""
    net.blobs["data"].data[0] = picture
    net.blobs["im_info"].data[0] = SIZE, SIZE, 1
    if shapes is not None:
        net.blobs["gt_boxes"].reshape(*shapes.shape)
        net.blobs["gt_boxes"].data[...] = shapes


def moved(boxes, offsets):
    """Boxes (N, 4) moved by offsets (N, 4) that a net has learned."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    offsets = offsets * DEVIATIONS
    center = boxes[:, :2] + sides / 2 + offsets[:, :2] * sides
    half = sides * np.exp(offsets[:, 2:]) / 2
    return np.clip(np.hstack([center - half, center + half - 1]), 0, SIZE - 1)


def findings(net, kind):
    """(score, box) of what the net takes for ``kind``, the best first, none over another."""
    boxes = moved(net.blobs["rois"].data[:, 1:], net.blobs["offsets"].data[:, 4 * kind :][:, :4])
    scores, found = net.blobs["probability"].data[:, kind], []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] > 0.05 and all(overlap(boxes[i], box) <= 0.3 for _, box in found):
            found.append((float(scores[i]), boxes[i]))
    return found


def average_precision(found, count):
    """Area under precision over recall. ``found``: (score, is right); ``count``: of the shapes."""
    right = np.array([is_right for _, is_right in sorted(found, key=lambda one: -one[0])], bool)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[right].sum() / max(count, 1))


def evaluate(net, rng, pictures):
    """Share of the shapes among the proposals, and the average precision of each class."""
    proposed, found, counts = [], {kind: [] for kind in (1, 2, 3)}, dict.fromkeys((1, 2, 3), 0)
    for _ in range(pictures):
        picture, shapes = draw(rng)
        feed(net, picture)
        net.forward()
        rois = net.blobs["rois"].data[:, 1:]
        proposed += [any(overlap(roi, shape[:4]) >= 0.5 for roi in rois) for shape in shapes]
        for kind, hits in found.items():
            left = [shape[:4] for shape in shapes if shape[4] == kind]
            counts[kind] += len(left)
            for score, box in findings(net, kind):
                at = [i for i, shape in enumerate(left) if overlap(box, shape) >= 0.5]
                hits.append((score, bool(at)))
                if at:
                    left.pop(at[0])  # a shape is found once
    return np.mean(proposed), [average_precision(found[kind], counts[kind]) for kind in counts]


def show(net, rng, path):
    """Draw twelve test pictures with what is found in them."""
    tiles = []
    for _ in range(12):
        picture, _ = draw(rng)
        feed(net, picture)
        net.forward()
        shown = np.clip(picture.transpose(1, 2, 0) * 60 + 128, 0, 255).astype(np.uint8)
        shown = cv2.resize(shown, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
        for kind in (1, 2, 3):
            for score, box in findings(net, kind):
                if score > 0.5:
                    start, end = (box * 3).round().astype(int).reshape(2, 2).tolist()
                    cv2.rectangle(shown, start, end, COLOURS[kind], 2)
        tiles.append(shown)
    cv2.imwrite(str(path), np.vstack([np.hstack(tiles[i : i + 4]) for i in (0, 4, 8)]))


options = common.options(__doc__, iterations=3000, pictures=200)
caffe.set_mode_cpu()
rate = {"base_lr": 0.005, "lr_policy": "step", "gamma": 0.1, "clip_gradients": 10}
rate["stepsize"] = max(1, options.iterations * 3 // 4)
train = write_net(options.out / "train.prototxt", train=True)
solver = caffe.SGDSolver(common.write_solver(options.out / "solver.prototxt", train, **rate))
test = caffe.Net(write_net(options.out / "test.prototxt", train=False), caffe.TEST)
test.share_with(solver.net)
untrained, _ = evaluate(test, np.random.default_rng(2), options.pictures)

rng, losses = np.random.default_rng(1), []
names = ["rpn_loss", "rpn_loss_box", "loss", "loss_box"]
while solver.iter < options.iterations:
    feed(solver.net, *draw(rng))
    solver.step(1)
    losses.append([float(solver.net.blobs[name].data) for name in names])
    if solver.iter % 250 == 0:
        means = np.mean(losses[-250:], axis=0)
        print(f"iteration {solver.iter:5}:", *map("{} {:.3f}".format, names, means))

recall, precisions = evaluate(test, np.random.default_rng(2), options.pictures)
print(f"shapes among 50 proposals: {untrained:.3f} untrained, {recall:.3f} trained")
for name, precision in zip(CLASSES[1:], precisions, strict=True):
    print(f"average precision of {name}: {precision:.3f}")
print(f"mean average precision: {np.mean(precisions):.3f}")
show(test, np.random.default_rng(3), options.out / "found.png")
