"""Kernels that treat each element by itself, written from the formula alone.

A thread loads what it reads of several elements before it writes any: the card waits for memory
once for all of them, and an output may be an input's own array.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cuda import THREADS, Kernel

AT_ONCE = 4  # elements of a thread, a block's length apart
DIVIDE = """
// i / divisor for a divisor known in advance: the division itself costs more than all the rest
#define OVER(i, divisor) over(i, divisor, divisor##_factor, divisor##_shift)
__device__ inline I over(I i, I divisor, unsigned long long factor, int shift) {
    return sizeof(I) == 4 ? (I)((unsigned long long)i * factor >> shift) : i / divisor;
}
"""
_DIVISOR = "I {0}, unsigned long long {0}_factor, int {0}_shift"


class Field(NamedTuple):
    """One array that is read or written element by element.

    Attributes:
        kind: C type of an element.
        name: in the formula.
        absent: what the formula reads where no array is given; "" where one always is.
    """

    kind: str
    name: str
    absent: str


class Elements:
    """A kernel over the elements of arrays of one size.

    ``signature`` has three parts, ``"READ -> WRITTEN; MORE"``. The first two are arrays, T unless
    a type is given. A name in both is changed in place; ``name?`` may be None, and ``name?1`` is
    read as 1 then. The third are parameters: a bare name is a number, T in the formula; ``name@``
    a number that may also be an array of one element, read by the kernel, so that a captured step
    sees what is in it when it is run again; ``name/`` divides: ``OVER(i, name)``;
    ``const T* s`` and the like are passed as they are. ``i`` is the index, of type I.

    Attributes:
        source: of the kernel alone; ``kernel`` is made from that of a whole module.
    """

    def __init__(self, name: str, signature: str, formula: str) -> None:
        self.name = name
        arrays, _, more = signature.partition(";")
        read, _, written = arrays.partition("->")
        self._read = [_field(text) for text in read.split(",") if text.strip()]
        known = {field.name: field for field in self._read}
        new = [_field(text) for text in written.split(",") if text.strip()]
        self._written = [known.get(field.name, field) for field in new]
        self._more = [text.strip() for text in more.split(",") if text.strip()]
        self._arrays = list(dict.fromkeys([*self._read, *self._written]))
        self.source = self._write(formula)
        self.kernel: Kernel

    def __call__(self, *args: Any) -> None:
        """Run over the arrays, in the order of the signature, and the parameters."""
        arrays = args[: len(self._arrays)]
        count = next(array.size for array in arrays if array is not None)
        if not count:
            return
        more = [
            each
            for text, value in zip(self._more, args[len(self._arrays) :], strict=True)
            for each in _passed(text, value)
        ]
        self.kernel.blocks(-(-count // (THREADS * AT_ONCE)), count, *arrays, *more)

    def _write(self, formula: str) -> str:
        written, read = set(self._written), set(self._read)
        pointers = [
            f"{'' if field in written else 'const '}{field.kind}* {field.name}_all"
            for field in self._arrays
        ]
        parameters = ", ".join(["I count", *pointers, *map(_declared, self._more)])
        loads = [
            "    #pragma unroll",
            f"    for (int k = 0; k < {AT_ONCE}; ++k) {{",
            "        const I i = first + k * THREADS;",
            *(f"        if (i < count) {f.name}_kept[k] = {_loaded(f)};" for f in self._read),
            "    }",
        ]
        return "\n".join(
            [
                f'extern "C" __global__ void {self.name}({parameters}) {{',
                *map(_number, self._more),
                f"    const I first = (I)blockIdx.x * (THREADS * {AT_ONCE}) + threadIdx.x;",
                *(f"    {f.kind} {f.name}_kept[{AT_ONCE}];" for f in self._read),
                *(loads if self._read else []),
                "    #pragma unroll",
                f"    for (int k = 0; k < {AT_ONCE}; ++k) {{",
                "        const I i = first + k * THREADS;",
                "        if (i >= count) break;",
                *(f"        {f.kind} {f.name} = {f.name}_kept[k];" for f in self._read),
                *(f"        {f.kind} {f.name};" for f in self._written if f not in read),
                f"        {formula}",
                *(f"        {_stored(f)}" for f in self._written),
                "    }",
                "}",
                "",
            ]
        )


def compile_together(*all_elements: Elements, before: str = "") -> None:
    """Make the kernels, from one source: what stands ``before``, then all of them."""
    source = DIVIDE + before + "".join(elements.source for elements in all_elements)
    for elements in all_elements:
        elements.kernel = Kernel(elements.name, source)


def divider(divisor: int) -> tuple[int, int, int]:
    """What ``OVER`` needs: exact for any index under 2**31, which is where it is used."""
    shift = 31 + (divisor - 1).bit_length()
    return divisor, -(-(1 << shift) // divisor), shift


def number(value: Any) -> tuple[Array | None, float]:
    """The array to read a number from, or None and the number."""
    if getattr(value, "ndim", None) is None or isinstance(value, np.generic):
        return None, float(value)
    return value.reshape(-1).astype(np.float64, copy=False), 0.0


def _field(text: str) -> Field:
    declared, optional, absent = text.strip().partition("?")
    kind, _, name = declared.rpartition(" ")
    return Field(kind or "T", name, (absent or "0") if optional else "")


def _loaded(field: Field) -> str:
    if not field.absent:
        return f"{field.name}_all[i]"
    return f"{field.name}_all ? {field.name}_all[i] : ({field.kind}){field.absent}"


def _stored(field: Field) -> str:
    given = f"if ({field.name}_all) " if field.absent else ""
    return f"{given}{field.name}_all[i] = {field.name};"


def _declared(text: str) -> str:
    if text.endswith("/"):
        return _DIVISOR.format(text[:-1])
    if text.endswith("@"):
        return f"const double* {text[:-1]}_at, double {text[:-1]}_given"
    return text if " " in text else f"double {text}_given"


def _number(text: str) -> str:
    """The number of that name, in the type of the arrays."""
    name = text.rstrip("@")
    if re.search(r"[ /]", text):
        return ""
    given = f"{name}_at ? *{name}_at : {name}_given" if text.endswith("@") else f"{name}_given"
    return f"    const T {name} = (T)({given});"


def _passed(text: str, value: Any) -> tuple[Any, ...]:
    if text.endswith("/"):
        return divider(value)
    return number(value) if text.endswith("@") else (value,)
