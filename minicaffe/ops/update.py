"""One step of a parameter: regularize, update, subtract, in one pass over its arrays.

All steps have in common:

    w            the parameter, any shape
    g            its gradient, same shape; what was subtracted afterwards
    h, m, u, v   what the rule remembers, same shape, changed in place
    scale        factor on the gradient alone
    l2, l1       weight decay on w, and on its sign: ``scale g + l2 w + l1 sign(w)`` is what a
                 formula calls g
    rate         learning rate of this parameter

``scale``, ``rate``, adam's ``delta`` and ``shrink`` may also be a float64 of no axes on the device.
They are elementwise: the result does not depend on the number of threads. Constants are Python
floats, so that no float32 array is promoted.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in

Number = float | Array


@compiled_in("minicaffe.ops.update_cpu")
def sgd(
    xp: ModuleType,
    w: Array,
    g: Array,
    v: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    momentum: float,
) -> None:
    """``v = momentum v + rate g``; ``w -= v``."""
    regularize(xp, w, g, scale, l2, l1)
    g *= _as(g, rate)
    v *= momentum
    v += g
    g[...] = v
    w -= v


@compiled_in("minicaffe.ops.update_cpu")
def nesterov(
    xp: ModuleType,
    w: Array,
    g: Array,
    v: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    momentum: float,
) -> None:
    """``v' = momentum v + rate g``; ``w -= (1 + momentum) v' - momentum v``."""
    regularize(xp, w, g, scale, l2, l1)
    before = v.copy()
    g *= _as(g, rate)
    v *= momentum
    v += g
    g[...] = (1 + momentum) * v - momentum * before
    w -= g


@compiled_in("minicaffe.ops.update_cpu")
def rmsprop(
    xp: ModuleType,
    w: Array,
    g: Array,
    h: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    keep: float,
    take: float,
    delta: float,
) -> None:
    """``h = keep h + take g^2``; ``w -= rate g / (sqrt(h) + delta)``;"""
    regularize(xp, w, g, scale, l2, l1)
    h *= keep
    h += take * (g * g)
    g *= _as(g, rate)
    g /= xp.sqrt(h) + delta
    w -= g


@compiled_in("minicaffe.ops.update_cpu")
def adadelta(
    xp: ModuleType,
    w: Array,
    g: Array,
    h: Array,
    u: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    keep: float,
    delta: float,
) -> None:
    """``h = keep h + (1 - keep) g^2``; ``d = g sqrt((u + delta) / (h + delta))``;
    ``u = keep u + (1 - keep) d^2``; ``w -= rate d``.
    """
    regularize(xp, w, g, scale, l2, l1)
    h *= keep
    h += (1 - keep) * (g * g)
    g *= xp.sqrt((u + delta) / (h + delta))
    u *= keep
    u += (1 - keep) * (g * g)
    g *= _as(g, rate)
    w -= g


@compiled_in("minicaffe.ops.update_cpu")
def adam(
    xp: ModuleType,
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    scale: Number,
    l2: float,
    l1: float,
    rate: Number,
    beta1: float,
    beta2: float,
    delta: Number,
    shrink_l2: Number,
    shrink_l1: Number,
) -> None:
    """``m = beta1 m + (1 - beta1) g``; ``v = beta2 v + (1 - beta2) g^2``;
    ``w -= rate m / (sqrt(v) + delta) + shrink_l2 w + shrink_l1 sign(w)``.
    """
    regularize(xp, w, g, scale, l2, l1)
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * (g * g)
    g[...] = _as(g, rate) * m / (xp.sqrt(v) + _as(g, delta))
    regularize(xp, w, g, 1.0, shrink_l2, shrink_l1)
    w -= g


def regularize(xp: ModuleType, w: Array, g: Array, scale: Number, l2: Number, l1: Number) -> None:
    """``g = scale g + l2 w + l1 sign(w)``."""
    g *= _as(g, scale)
    if not isinstance(l2, float) or l2:  # one on the device is not asked
        g += _as(g, l2) * w
    if not isinstance(l1, float) or l1:
        g += _as(g, l1) * xp.sign(w)


def _as(g: Array, number: float | Array) -> float | Array:
    """``number`` as precise as ``g``, as Python's are beside an array."""
    return number.astype(g.dtype) if hasattr(number, "astype") else number


@compiled_in("minicaffe.ops.update_cpu")
def trust_ratio(
    xp: ModuleType, w: Array, g: Array, scale: Number, l2: float, l1: float, trust: float
) -> Array:
    """``trust |w| / (|g| + |decay|)``: how long a step is that suits w; 1 where w or g is 0.

    |x| is the L2 norm, and decay ``l2 w + l1 sign(w)`` without the gradient.

    Returns:
        A float64 without axes, where ``w`` is: nothing waits for a GPU.
    """
    norm_w = sum_of_squares(xp, w) ** 0.5
    norm_g = scale * sum_of_squares(xp, g) ** 0.5
    pull = l2 * norm_w
    if l1:
        pull = pull + l1 * (w != 0).sum() ** 0.5
    known = (norm_w > 0) & (norm_g > 0)
    return xp.where(known, trust * norm_w / xp.where(known, norm_g + pull, 1.0), 1.0)


@compiled_in("minicaffe.ops.update_cpu")
def sum_of_squares(xp: ModuleType, x: Array) -> Array | float:
    """The sum of the squares of ``x``, added up in float64, in an order that is always the same."""
    return (x.astype(xp.float64) ** 2).sum()
