"""Max pooling for the CPU, 16 windows of a row side by side.

As ``pooling_cpu``, of which this is the faster way for float32 and the windows people use, over
two axes: 3x3 with stride 1 or 2, and 2x2 with stride 2 where they do not just fill the plane.
What a window has outside is read as -FLT_MAX, which is never taken, so edges are as fast as the
rest. ``p`` is the ``_Plan``.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.pooling import LOWEST
from minicaffe.ops.vectors_cpu import LANES, address

_NONE = np.empty(0, np.int32)
_SIZES = (3, 1), (3, 2), (2, 2)  # kernel and stride
_WORD, _BIT = ir.IntType(32), ir.IntType(1)
_REALS, _WORDS, _MASK = (ir.VectorType(kind, LANES) for kind in (ir.FloatType(), _WORD, _BIT))
_STEPS = ir.Constant(_WORDS, list(range(LANES)))
_ITEM = 4  # bytes of either


class _Plan(NamedTuple):
    planes: int
    h: int
    w: int
    out_h: int
    out_w: int
    kernel: int
    stride: int
    top: int  # rows and columns of pad
    left: int


def can(x, windows):
    """Whether the functions here do the maxima of ``windows`` of an input like ``x``."""
    sizes = {(window.kernel, window.stride) for window in windows}
    return x.dtype == np.float32 and len(windows) == 2 and len(sizes) == 1 and sizes <= {*_SIZES}


def max_pool(x, y, index, windows):
    """``pooling.max_pool``, where ``can``."""
    index = _NONE if index is None else index.reshape(-1)
    _max_pool(x.reshape(-1), y.reshape(-1), index, _plan(x.shape, windows), threads())


@lru_cache(maxsize=1024)
def _plan(shape, windows):
    h, w = windows
    sizes = shape[0] * shape[1], h.size, w.size, h.out, w.out
    return _Plan(*sizes, h.kernel, h.stride, h.pad, w.pad)


class _Block:
    """16 neighbours in a row of memory, of which those beyond its ends are left alone."""

    def __init__(self, builder, first, length):
        """Of rows of ``length``, from element ``first`` on, which may be negative."""
        self.builder = builder
        self._offset = builder.mul(first, first.type(_ITEM))
        first, length = (_splat(builder, builder.trunc(i, _WORD)) for i in (first, length))
        # as unsigned numbers the negative ones are large
        self._inside = builder.icmp_unsigned("<", builder.add(first, _STEPS), length)

    def load(self, row, other):
        """What is at the address ``row`` + first; ``other``, a constant, beyond the ends."""
        kinds = [_REALS.as_pointer(), _WORD, _MASK, _REALS]
        args = self._pointer(row, _REALS), _WORD(_ITEM), self._inside, other
        return self._call("llvm.masked.load.v16f32.p0", _REALS, kinds, *args)

    def store(self, row, value):
        """The reverse, of numbers of either kind."""
        name = f"llvm.masked.store.v16{'f' if value.type == _REALS else 'i'}32.p0"
        kinds = [value.type, value.type.as_pointer(), _WORD, _MASK]
        args = value, self._pointer(row, value.type), _WORD(_ITEM), self._inside
        self._call(name, ir.VoidType(), kinds, *args)

    def _pointer(self, row, kind):
        return self.builder.inttoptr(self.builder.add(row, self._offset), kind.as_pointer())

    def _call(self, name, result, kinds, *args):
        known = self.builder.module.globals.get(name)
        function = known or ir.Function(self.builder.module, ir.FunctionType(result, kinds), name)
        return self.builder.call(function, args)


def _splat(builder, value):
    """16 times a 32-bit integer."""
    none = ir.Constant(_WORDS, ir.Undefined)
    one = builder.insert_element(none, value, _WORD(0))
    return builder.shuffle_vector(one, none, ir.Constant(_WORDS, [0] * LANES))


def _constant(kind, value):
    return ir.Constant(kind, [value] * LANES)


def _halves(builder, a, b):
    """Of the 32 elements of two vectors those at even places, and those at odd ones."""
    lanes = ([*range(start, 2 * LANES, 2)] for start in (0, 1))
    return [builder.shuffle_vector(a, b, ir.Constant(_WORDS, each)) for each in lanes]


def _maxima(kernel, stride, wants_index):
    """Store the maxima of 16 windows, and with ``wants_index`` where they are.

    Returns:
        ``(row_0, .. row_2, at_0, .. at_2, first, length, y, index, j, out)``: addresses of rows
        of the plane, and their positions in it; where in them the first window starts; their
        length; addresses of rows of results, which of them is the first, and how many there are.
    """
    steps = [[step, step + LANES][:stride] for step in range(0, kernel, stride)]

    def elements(row, blocks):
        """For each offset in a window what the 16 have there."""
        lowest = _constant(_REALS, LOWEST)
        for each in steps:
            parts = [blocks[step].load(row, lowest) for step in each]
            yield from _halves(blocks[0].builder, *parts) if stride == 2 else parts

    @intrinsic
    def function(typing, row0, row1, row2, at0, at1, at2, first, length, y, index, j, out):
        def codegen(context, builder, signature, args):
            *rows, first, length, y, index, j, out = args
            blocks = {
                step: _Block(builder, builder.add(first, first.type(step)), length)
                for each in steps
                for step in each
            }
            best, place = _constant(_REALS, LOWEST), _constant(_WORDS, -1)
            starts = builder.mul(_STEPS, _constant(_WORDS, stride))
            starts = builder.add(starts, _splat(builder, builder.trunc(first, _WORD)))
            for row, at in list(zip(rows[:3], rows[3:], strict=True))[:kernel]:
                here = builder.add(starts, _splat(builder, builder.trunc(at, _WORD)))
                for offset, value in zip(range(kernel), elements(row, blocks), strict=False):
                    larger = builder.fcmp_ordered(">", value, best)
                    best = builder.select(larger, value, best)
                    there = builder.add(here, _constant(_WORDS, offset))
                    place = builder.select(larger, there, place)
            results = _Block(builder, j, out)
            results.store(y, best)
            if wants_index:
                results.store(index, place)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 12), codegen

    return function


_maxima_3_1, _maxima_3_2, _maxima_2_2 = (_maxima(*size, False) for size in _SIZES)
_places_3_1, _places_3_2, _places_2_2 = (_maxima(*size, True) for size in _SIZES)


@kernel
def _max_pool(x, y, index, p, shares):
    for t in prange(shares):
        first, last = p.planes * t // shares, p.planes * (t + 1) // shares
        source, target = address(x, first * p.h * p.w), first * p.out_h * p.out_w
        places = address(index, target) if index.size else 0
        _max_pool_planes(source, address(y, target), places, last - first, p)


@inner
def _max_pool_planes(x, y, index, planes, p):
    """Arrays are their addresses; ``index`` may be 0."""
    area = p.h * p.w
    for _ in range(planes):
        for i in range(p.out_h):
            start = i * p.stride - p.top
            # rows are clipped to the plane: a row met twice changes no maximum, nor its place
            at0 = min(max(start, 0), p.h - 1) * p.w
            at1 = min(max(start + 1, 0), p.h - 1) * p.w
            at2 = min(max(start + 2, 0), p.h - 1) * p.w
            rows = x + at0 * _ITEM, x + at1 * _ITEM, x + at2 * _ITEM
            for j in range(0, p.out_w, LANES):
                column = j * p.stride - p.left
                args = at0, at1, at2, column, p.w, y, index, j, p.out_w
                if index == 0:
                    if p.kernel == 2:
                        _maxima_2_2(*rows, *args)
                    elif p.stride == 2:
                        _maxima_3_2(*rows, *args)
                    else:
                        _maxima_3_1(*rows, *args)
                elif p.kernel == 2:
                    _places_2_2(*rows, *args)
                elif p.stride == 2:
                    _places_3_2(*rows, *args)
                else:
                    _places_3_1(*rows, *args)
            y += p.out_w * _ITEM
            index += p.out_w * _ITEM if index else 0
        x += area * _ITEM
