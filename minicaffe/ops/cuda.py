"""CUDA kernels: source text, compiled by nvrtc for the types and the device it first meets.

CuPy is imported by the first launch, so that sources can be listed, compiled and checked where
there is no GPU. ``tests/cuda_on_cpu.py`` runs them, and what launches them, on the CPU.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

THREADS = 256  # of a block; a power of two, for sums that halve
KERNELS: list[Kernel] = []  # all that were made; tests compile and run them
_MOST = 2**31 - 2**20  # elements that I may be int for; what is left takes a block past the end
_SINGLE, _NULL = np.dtype(np.float32), np.uint64(0)
_TYPES: dict[str, Any] = {
    "bool": np.bool_,
    "double": np.float64,
    "float": np.float32,
    "int": np.int32,
    "long long": np.int64,
    "signed char": np.int8,
    "unsigned": np.uint32,
    "unsigned char": np.uint8,
    "unsigned long long": np.uint64,
}
BLOCK_SUMS = """
// The sum, or the largest, of what the THREADS threads of a block hold, in an order that is always
// the same; all of them call it, and all get the result.
template <typename V> __device__ V block_sum(V value) {
    __shared__ V held[THREADS];
    __syncthreads();
    held[threadIdx.x] = value;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) held[threadIdx.x] += held[threadIdx.x + half];
    }
    __syncthreads();
    return held[0];
}
template <typename V> __device__ V block_max(V value) {
    __shared__ V held[THREADS];
    __syncthreads();
    held[threadIdx.x] = value;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half && held[threadIdx.x + half] > held[threadIdx.x])
            held[threadIdx.x] = held[threadIdx.x + half];
    }
    __syncthreads();
    return held[0];
}
"""
PHILOX = """
// Word i % 4 of block i / 4 of Philox 4x32-10, as ops/dropout.py has it.
__device__ unsigned philox(unsigned long long i, unsigned long long key) {
    unsigned a = (unsigned)(i >> 2), b = (unsigned)(i >> 34), c = 0, d = 0;
    unsigned low = (unsigned)key, high = (unsigned)(key >> 32);
    for (int round = 0; round < 10; ++round) {
        unsigned long long left = 0xD2511F53ull * a, right = 0xCD9E8D57ull * c;
        a = (unsigned)(right >> 32) ^ b ^ low, b = (unsigned)right;
        c = (unsigned)(left >> 32) ^ d ^ high, d = (unsigned)left;
        low += 0x9E3779B9u, high += 0xBB67AE85u;
    }
    unsigned words[4] = {a, b, c, d};
    return words[i & 3];
}
"""


class Parameter(NamedTuple):
    """One parameter of a kernel: ``T``, ``I`` or a C type, and whether it points to such."""

    kind: str
    pointer: bool


class Kernel:
    """One ``extern "C" __global__ void name(...)`` of a source, and its launch.

    In the source ``T`` is the float type of the arrays, ``I`` the type of an index: int where all
    arrays are small enough for it, else long long; ``THREADS`` is how many threads a block has.

    Attributes:
        name: of the function.
        source: with all it needs; kernels that share one are compiled together.
        parameters: as the source declares them; arguments are converted to these.
    """

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.parameters = _parameters(name, source)
        self._pointers = [(at, p.kind) for at, p in enumerate(self.parameters) if p.pointer]
        KERNELS.append(self)

    def __call__(self, count: int, *args: Any) -> None:
        """Launch a thread for each of ``count`` elements; the first parameter is that number."""
        self._launch(-(-count // THREADS), (count, *args))

    def blocks(self, count: int, *args: Any) -> None:
        """Launch ``count`` blocks of ``THREADS`` threads; blockIdx.x is a block's number."""
        self._launch(count, args)

    def _launch(self, blocks: int, args: tuple[Any, ...]) -> None:
        """Launch on the current stream.

        Raises:
            TypeError: an array has not the type that is declared, or is not contiguous.
        """
        if not blocks:
            return
        import cupy

        arrays = [(kind, args[at]) for at, kind in self._pointers if args[at] is not None]
        real, largest = _SINGLE, blocks * THREADS
        for kind, array in arrays:
            largest = max(largest, array.size)
            if kind == "T" and array.dtype.char in "fd":
                real = array.dtype
        types = _types(real, largest <= _MOST)
        for kind, array in arrays:
            if array.dtype != types[kind] or not array.flags.c_contiguous:
                raise TypeError(
                    f"{self.name} is given {array.dtype} of strides {array.strides} for "
                    f"{kind}, expected contiguous {types[kind]}"
                )
        values = [
            types[kind].type(value) if not pointer else _NULL if value is None else value
            for (kind, pointer), value in zip(self.parameters, args, strict=True)
        ]
        device = cupy.cuda.runtime.getDevice()
        function = _function(cupy.RawModule, self.source, self.name, types["T"], types["I"], device)
        function((blocks,), (THREADS,), tuple(values))


def prologue(real: DTypeLike, index: DTypeLike) -> str:
    """What stands before a source: which types T and I are, and how many threads a block has."""
    names = {np.dtype(kind): name for name, kind in _TYPES.items()}
    return (
        f"typedef {names[np.dtype(real)]} T;\ntypedef {names[np.dtype(index)]} I;\n"
        f"#undef THREADS\n#define THREADS {THREADS}\n"
    )


def _parameters(name: str, source: str) -> tuple[Parameter, ...]:
    """What ``name`` takes, read from its declaration.

    Raises:
        ValueError: ``source`` declares no such kernel, or a type that is not known.
    """
    found = re.search(rf'extern "C" __global__ void {name}\(([^)]*)\)', source)
    if not found:
        raise ValueError(f'no kernel {name}, expected extern "C" __global__ void {name}(')
    return tuple(map(_parameter, found[1].split(",")))


def _parameter(text: str) -> Parameter:
    words = text.replace("*", " * ").replace("__restrict__", " ").replace("const", " ").split()
    kind = " ".join(word for word in words[:-1] if word != "*")
    if kind not in {*_TYPES, "T", "I"}:
        raise ValueError(f"the type of {text.strip()!r} is unknown, expected one of {[*_TYPES]}")
    return Parameter(kind, "*" in words)


@cache
def _types(real: Any, is_small: bool) -> dict[str, Any]:
    """The dtype of each kind of parameter."""
    kinds = {**_TYPES, "T": real, "I": np.int32 if is_small else np.int64}
    return {kind: np.dtype(each) for kind, each in kinds.items()}


@cache
def _function(raw_module: Any, source: str, name: str, real: Any, index: Any, device: int) -> Any:
    return _module(raw_module, source, real, index, device).get_function(name)


@cache
def _module(raw_module: Any, source: str, real: Any, index: Any, device: int) -> Any:
    """A module a device, which keeps what was loaded there."""
    return raw_module(code=prologue(real, index) + source, options=("--std=c++17",))
