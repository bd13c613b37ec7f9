"""Non-maximum suppression for the CPU: each box against those that are left."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import exact


@exact
def suppress(boxes, areas, threshold, eta, most, whole_pixels):
    """``nms.suppress``."""
    real = boxes.dtype.type
    one, zero, limit = real(whole_pixels), real(0), real(threshold)
    left = np.empty(len(boxes), np.int64)
    count = 0
    for place in range(len(boxes)):
        if count >= most:
            break
        box = boxes[place]
        is_free = True
        is_box = not np.isnan(box).any()
        for k in range(count if is_box else 0):
            other = boxes[left[k]]
            width = min(box[2], other[2]) - max(box[0], other[0]) + one
            height = min(box[3], other[3]) - max(box[1], other[1]) + one
            if not (width > zero and height > zero) or np.isnan(other).any():
                continue
            shared = width * height
            union = areas[left[k]] + areas[place] - shared
            if np.isfinite(union) and shared / union > limit:
                is_free = False
                break
        if is_free:
            left[count] = place
            count += 1
            if eta < 1 and limit > real(0.5):
                limit *= real(eta)
    return left[:count]
