"""Non-maximum suppression of boxes that are in order, on the host."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.nms_cpu")
def suppress(
    xp: ModuleType,
    boxes: Array,
    areas: Array,
    threshold: float,
    eta: float,
    most: int,
    whole_pixels: bool,
) -> Array:
    """int64 (K,): the places of the boxes that overlap none before them that is left.

    Args:
        xp: array module, NumPy.
        boxes: (N, 4) float32 or float64, xmin, ymin, xmax, ymax, the best first.
        areas: (N,), theirs.
        threshold: of the overlap, intersection over union: what has more is not left.
        eta: below 1, what ``threshold`` is multiplied by after each box that is left, as long as it
            is above 0.5.
        most: stop when so many are left.
        whole_pixels: a side is one longer than its ends are apart.
    """
    one, threshold = (boxes.dtype.type(number) for number in (whole_pixels, threshold))
    worst = xp.zeros(len(boxes), boxes.dtype)  # overlap with those that are left, so far
    left: list[int] = []
    with xp.errstate(over="ignore", invalid="ignore"):  # boxes of an untrained net
        for place, box in enumerate(boxes):
            if len(left) == most:
                break
            if worst[place] > threshold:
                continue
            left.append(place)
            rest = slice(place + 1, None)
            sides = xp.minimum(box[2:], boxes[rest, 2:]) - xp.maximum(box[:2], boxes[rest, :2])
            shared = xp.maximum(sides + one, 0).prod(axis=1)
            union = areas[place] + areas[rest] - shared
            overlap = xp.where((shared > 0) & xp.isfinite(union), shared / union, 0)
            worst[rest] = xp.maximum(worst[rest], overlap)
            if eta < 1 and threshold > 0.5:
                threshold *= boxes.dtype.type(eta)
    return xp.array(left, xp.int64)
