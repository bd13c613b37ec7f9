"""Sixteen floats at a time, for kernels whose loops the compiler would not see through.

What is written here becomes vector instructions as it stands, of whatever length the machine
has; so results do not depend on where arrays lie or on what the vectoriser makes of a loop.
Addresses are numbers of bytes, steps are elements; nothing is checked.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minicaffe.ops.numba_cpu import inner

LANES = 16
_REAL, _ITEM = ir.FloatType(), 4
_VECTOR, _MASK = ir.VectorType(_REAL, LANES), ir.VectorType(ir.IntType(1), LANES)
_INDICES = ir.VectorType(ir.IntType(32), LANES)
_STEPS = ir.Constant(_INDICES, list(range(LANES)))
_FUSED = ("contract",)  # a product and a sum may round once


@inner
def address(array, index):
    """Of an element of a flat float32 array."""
    return array.ctypes.data + index * _ITEM


class Vector:
    """A vector under construction: what Python's operators do to it becomes code."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    @classmethod
    def load(cls, builder, base, *terms):
        """The vector at ``base`` and the sum of (index, step in elements)."""
        return cls(builder, builder.load(_pointer(builder, base, *terms), align=_ITEM))

    @classmethod
    def of(cls, builder, number):
        """All of it one float32."""
        return cls(builder, _splat(builder, number, _VECTOR))

    @classmethod
    def all_from(cls, builder, base, *terms):
        """All of it the number at the place that ``load`` would start at."""
        pointer = _pointer(builder, base, *terms, kind=_REAL)
        return cls.of(builder, builder.load(pointer, align=_ITEM))

    def store(self, base, *terms):
        """The reverse of ``load``."""
        pointer = _pointer(self.builder, base, *terms)
        self.builder.store(self.value, pointer, align=_ITEM)

    def _with(self, name, other):
        value = other.value if isinstance(other, Vector) else ir.Constant(_VECTOR, [other] * LANES)
        operation = getattr(self.builder, name)
        return Vector(self.builder, operation(self.value, value, flags=_FUSED))

    def __add__(self, other):
        return self._with("fadd", other)

    def __sub__(self, other):
        return self._with("fsub", other)

    def __mul__(self, other):
        return self._with("fmul", other)

    def __rmul__(self, factor):
        return self._with("fmul", float(factor))

    def at_least(self, floor):
        """Each number or that of ``floor`` if it is less; NaN stays."""
        below = self.builder.fcmp_ordered("<", self.value, floor.value)
        return Vector(self.builder, self.builder.select(below, floor.value, self.value))


def _pointer(builder, base, *terms, kind=_VECTOR):
    """``base`` bytes and the sum of (index, step in elements) as a pointer to a ``kind``."""
    for index, step in terms:
        offset = builder.mul(step, step.type(index * _ITEM))
        base = builder.add(base, offset)
    return builder.inttoptr(base, kind.as_pointer())


def _splat(builder, value, kind):
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _first(builder, count):
    """The mask of the first ``count`` lanes."""
    count = builder.trunc(count, ir.IntType(32))
    return builder.icmp_signed("<", _STEPS, _splat(builder, count, _INDICES))


def _turn(builder, rows):
    """16 vectors as the columns of what they were the rows of."""
    for step in (1, 2, 4, 8):
        low = [lane if not lane & step else LANES + lane - step for lane in range(LANES)]
        high = [lane + step if not lane & step else LANES + lane for lane in range(LANES)]
        low, high = ir.Constant(_INDICES, low), ir.Constant(_INDICES, high)
        for i in range(LANES):
            if not i & step:
                a, b = rows[i], rows[i | step]
                rows[i] = builder.shuffle_vector(a, b, low)
                rows[i | step] = builder.shuffle_vector(a, b, high)
    return rows


def _masked(builder, name, kind, *args):
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, args)


_POINTER, _ALIGN = _VECTOR.as_pointer(), ir.IntType(32)
_LOAD = ir.FunctionType(_VECTOR, [_POINTER, _ALIGN, _MASK, _VECTOR])
_STORE = ir.FunctionType(ir.VoidType(), [_VECTOR, _POINTER, _ALIGN, _MASK])


@intrinsic
def lanes_from_rows(typing, source, step, rows, columns, target):
    """16 x 16 numbers, ``target[j, i] = source[i * step + j]``; 0 from ``rows``, ``columns`` on."""

    def codegen(context, builder, signature, args):
        source, step, rows, columns, target = args
        inside, none = _first(builder, columns), ir.Constant(_MASK, [0] * LANES)
        vectors = []
        for i in range(LANES):
            mask = builder.select(builder.icmp_signed("<", rows.type(i), rows), inside, none)
            pointer = _pointer(builder, source, (i, step))
            zeros = ir.Constant(_VECTOR, [0.0] * LANES)
            args = pointer, _ALIGN(4), mask, zeros
            vectors.append(_masked(builder, "llvm.masked.load.v16f32.p0", _LOAD, *args))
        for j, value in enumerate(_turn(builder, vectors)):
            Vector(builder, value).store(target, (j, step.type(LANES)))
        return context.get_dummy_value()

    size = types.intp
    return types.void(size, size, size, size, size), codegen


@intrinsic
def rows_from_lanes(typing, source, target, step, rows, columns):
    """The reverse: ``target[i * step + j] = source[j, i]``; nothing from ``rows, columns`` on."""

    def codegen(context, builder, signature, args):
        source, target, step, rows, columns = args
        inside, none = _first(builder, columns), ir.Constant(_MASK, [0] * LANES)
        terms = [(j, step.type(LANES)) for j in range(LANES)]
        vectors = [Vector.load(builder, source, term).value for term in terms]
        for i, value in enumerate(_turn(builder, vectors)):
            mask = builder.select(builder.icmp_signed("<", rows.type(i), rows), inside, none)
            pointer = _pointer(builder, target, (i, step))
            _masked(builder, "llvm.masked.store.v16f32.p0", _STORE, value, pointer, _ALIGN(4), mask)
        return context.get_dummy_value()

    size = types.intp
    return types.void(size, size, size, size, size), codegen


def both_ways(line, length, ends=False):
    """A function that applies ``line`` to all columns, then to all rows of a small matrix.

    Args:
        line: from a sequence of ``length`` vectors to the sequence that they become.
        length: rows and columns of the matrix.
        ends: what it gets besides is added to element (1, 1) first, and the least result last.

    Returns:
        ``(source, down, along, target, target_down, target_along, term, least)``, for 16
        matrices side by side: element (i, j) of all is the vector at ``source`` and
        i * down + j * along. ``term`` is where a vector is; ``least`` is a float32.
    """

    @intrinsic
    def function(typing, source, down, along, target, target_down, target_along, term, least):
        def codegen(context, builder, signature, args):
            source, down, along, target, target_down, target_along, term, least = args

            def element(i, j):
                value = Vector.load(builder, source, (i, down), (j, along))
                return value + Vector.load(builder, term) if ends and i == j == 1 else value

            columns = [line([element(i, j) for i in range(length)]) for j in range(length)]
            floor = Vector.of(builder, least)
            for i, row in enumerate(zip(*columns, strict=True)):
                for j, value in enumerate(line(row)):
                    result = value.at_least(floor) if ends else value
                    result.store(target, (i, target_down), (j, target_along))
            return context.get_dummy_value()

        size = types.intp
        return types.void(size, size, size, size, size, size, size, types.float32), codegen

    return function
