"""What happens to all gradients together, between the passes and the update rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe import glog
from minicaffe.device import Array, Device
from minicaffe.ops import update as ops
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers import Slot


def prepare(
    param: SolverParameter, device: Device, slots: Sequence[Slot], iteration: int
) -> float | Array:
    """Clip, average over ``iter_size`` passes, add noise where ``param`` asks for it.

    Returns:
        The factor that is still to be applied to every gradient.
    """
    scale = clip_factor(device, slots, param.clip_gradients) / param.iter_size
    if not param.gradient_noise:
        return scale
    deviation = noise_deviation(param.gradient_noise, param.gradient_noise_decay, iteration)
    add_noise(device, slots, scale, deviation)
    return 1.0


def clip_factor(device: Device, slots: Sequence[Slot], limit: float) -> float | Array:
    """What to multiply all gradients by, so that together their L2 norm is at most ``limit``.

    After: src/caffe/solvers/sgd_solver.cpp (ClipGradients). As there the norm is of what
    ``iter_size`` passes have added up, before weight decay; a negative limit is none. Difference:
    on a GPU nothing is logged, since nothing waits to see the norm.

    Returns:
        A number; on a GPU a float64 of no axes.
    """
    if limit < 0:
        return 1.0
    xp = device.xp
    blobs = [slot.blob for slot in slots if slot.blob.has_diff]  # what nobody asked for is zero
    squares = sum(ops.sum_of_squares(xp, blob.diff) for blob in blobs)
    if xp is not np and blobs:
        return limit / xp.maximum(squares**0.5, limit) if limit else 0.0
    norm = float(squares) ** 0.5
    if norm <= limit:
        return 1.0
    factor = float(limit / norm)
    glog.info(
        "sgd_solver.cpp:93",
        f"Gradient clipping: scaling down gradients (L2 norm {glog.number(norm)} > "
        f"{glog.number(limit)}) by scale factor {glog.number(factor)}",
    )
    return factor


def noise_deviation(eta: float, decay: float, iteration: int) -> float:
    """The standard deviation of the noise: ``sqrt(eta / (1 + iteration) ^ decay)``.

    After: Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens, "Adding gradient noise
    improves learning for very deep networks", 2015; eta of 0.01, 0.3 or 1 and decay of 0.55.
    """
    return float((eta / (1 + iteration) ** decay) ** 0.5)


def add_noise(
    device: Device, slots: Sequence[Slot], scale: float | Array, deviation: float
) -> None:
    """Scale each gradient and add Gaussian noise to it, drawn from ``device.rng``.

    The noise comes after clipping and averaging: it has the size that the definition says,
    whatever ``clip_gradients`` and ``iter_size`` are. Weight decay, which comes later, gets none,
    and a parameter that does not learn draws none.
    """
    for slot in slots:
        gradient = slot.blob.diff
        gradient *= scale if isinstance(scale, float) else scale.astype(gradient.dtype)
        if slot.lr_mult:
            noise = device.rng.standard_normal(gradient.shape, np.float32)
            gradient += device.xp.asarray((noise * np.float32(deviation)).astype(gradient.dtype))
