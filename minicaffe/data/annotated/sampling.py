"""Windows of an image: drawn by chance, and taken if they show enough of some object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minicaffe.boxes.iou import coverage, iou
from minicaffe.data.image import HostArray
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import BatchSampler, SampleConstraint, Sampler


def check_sampler(sampler: BatchSampler) -> None:
    """Refuse a sampler that cannot be drawn from.

    Raises:
        LayerConfigError: says what.
    """
    own = sampler.sampler
    if not 0 < own.min_scale <= own.max_scale <= 1:
        raise LayerConfigError(
            f"scales of a sampler are {own.min_scale:g} to {own.max_scale:g}, expected above 0, "
            "at most 1, and the least first"
        )
    if not 0 < own.min_aspect_ratio <= own.max_aspect_ratio < np.inf:
        raise LayerConfigError(
            f"aspect ratios of a sampler are {own.min_aspect_ratio:g} to "
            f"{own.max_aspect_ratio:g}, expected above 0, and the least first"
        )


def draw_window(
    rng: np.random.Generator, samplers: Sequence[BatchSampler], boxes: HostArray
) -> HostArray | None:
    """(4,) xmin, ymin, xmax, ymax: one of the windows that are taken; None where there is none.

    Args:
        rng: of all chances.
        samplers: each draws its own windows; one without ``use_original_image`` draws none.
        boxes: (M, 4), the objects.
    """
    taken = [_taken(rng, each, boxes) for each in samplers if each.use_original_image]
    windows = np.concatenate([*taken, np.empty((0, 4))])
    return windows[rng.integers(len(windows))] if len(windows) else None


def draw_jitter(rng: np.random.Generator, jitter: float) -> HostArray:
    """(4,) xmin, ymin, xmax, ymax of a window that lacks up to ``jitter`` of each side."""
    sides = 1 - jitter * rng.random(2)
    corner = (1 - sides) * rng.random(2)
    return np.concatenate([corner, corner + sides])


def _taken(rng: np.random.Generator, sampler: BatchSampler, boxes: HostArray) -> HostArray:
    windows = _drawn(rng, sampler.sampler, sampler.max_trials)
    windows = windows[fulfils(windows, boxes, sampler.sample_constraint)]
    return windows[: sampler.max_sample] if sampler.HasField("max_sample") else windows


def _drawn(rng: np.random.Generator, sampler: Sampler, count: int) -> HostArray:
    chances = rng.random((count, 4))
    scale = sampler.min_scale + (sampler.max_scale - sampler.min_scale) * chances[:, 0]
    least, most = sampler.min_aspect_ratio, sampler.max_aspect_ratio
    aspect = least + (most - least) * chances[:, 1]
    aspect = np.clip(aspect, scale**2, 1 / scale**2)  # no side is longer than the image's
    sides = np.stack([scale * np.sqrt(aspect), scale / np.sqrt(aspect)], axis=1)
    sides = np.minimum(sides, 1)
    corners = (1 - sides) * chances[:, 2:]
    return np.concatenate([corners, corners + sides], axis=1)


def fulfils(windows: HostArray, boxes: HostArray, constraint: SampleConstraint) -> HostArray:
    """(W,) bool: some object fulfils all that is given; true where nothing is.

    Args:
        windows: (W, 4).
        boxes: (M, 4), the objects.
        constraint: bounds; those that are not given hold for all.
    """
    measures: dict[str, Callable[[], HostArray]] = {
        "jaccard_overlap": lambda: iou(windows, boxes),
        "sample_coverage": lambda: coverage(windows, boxes),
        "object_coverage": lambda: coverage(boxes, windows).T,
    }
    good: HostArray = np.ones((len(windows), len(boxes)), bool)
    given = False
    for name, measure in measures.items():
        least, most = f"min_{name}", f"max_{name}"
        if constraint.HasField(least) or constraint.HasField(most):
            given, found = True, measure()
            if constraint.HasField(least):
                good &= found >= getattr(constraint, least)
            if constraint.HasField(most):
                good &= found <= getattr(constraint, most)
    return np.asarray(good.any(1)) if given else np.ones(len(windows), bool)
