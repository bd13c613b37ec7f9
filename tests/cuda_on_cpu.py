"""CUDA kernels and their launchers, run without a GPU.

``cupy_on_cpu`` is a module to be found as ``cupy``: the stand-in of ``tests.fake_cupy`` with a
``RawModule`` that compiles with g++ and runs a grid here. The threads of a block are fibers where
the source has a ``__syncthreads``. What a GPU would let pass is an error: an access next to an
array (it is found where it is a write, or where what it read is used), a write to what is const,
a barrier that some threads of a block do not reach. A grid runs from its first thread to the last
or, ``backwards``, from the last to the first: what depends on the order was a race.

It says nothing about speed, alignment, or how nvrtc rounds.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from tests import fake_cupy

GUARD = 4096  # bytes on each side of an array
POISON = {False: 0xFF, True: 0x7F}  # forwards NaN and -1, backwards numbers that are very large
SHIM = r"""
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <math.h>
#include <type_traits>
#include <utility>
struct Dim { unsigned x, y, z; };
static Dim threadIdx, blockIdx, blockDim, gridDim;
#define __global__ static
#define __device__
#define __constant__ static
#define __shared__ static __attribute__((section("shared")))  // so that blocks start with poison
__shared__ char any_shared[1] __attribute__((used));
extern "C" char __start_shared[], __stop_shared[];
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__
template <typename A, typename B> static std::common_type_t<A, B> min(A a, B b) {
    return b < a ? b : a;
}
template <typename A, typename B> static std::common_type_t<A, B> max(A a, B b) {
    return a < b ? b : a;
}
static float rsqrt(float x) { return 1 / sqrt(x); }
static double rsqrt(double x) { return 1 / sqrt(x); }
template <typename V> static V atomicMax(V *at, V value) {
    V old = *at;
    if (old < value) *at = value;
    return old;
}
template <typename V> static V atomicAdd(V *at, V value) { V old = *at; *at += value; return old; }
static unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)(((unsigned long long)a * b) >> 32);
}
static float __int_as_float(int a) { float b; memcpy(&b, &a, 4); return b; }
static double __longlong_as_double(long long a) { double b; memcpy(&b, &a, 8); return b; }

// A fiber is entered once, by setcontext, and then waits for the next block: jumping is cheaper.
static void (*job)(void *);
static void *job_args;
static struct Fiber { ucontext_t entry; jmp_buf at; bool entered, waits, ended; } *fibers;
static jmp_buf home;
static unsigned current;
static void leave() { if (!_setjmp(fibers[current].at)) _longjmp(home, 1); }
static void __syncthreads() { fibers[current].waits = true; leave(); }
static void fiber() {
    for (;;) { job(job_args); fibers[current].ended = true; leave(); }
}
static __attribute__((noinline)) void resume(Fiber &f) {
    if (_setjmp(home)) return;
    if (f.entered) _longjmp(f.at, 1);
    f.entered = true;
    setcontext(&f.entry);
}
static int run_fibers(unsigned threads, int backwards) {
    const size_t stack = 1 << 16;
    static char *stacks = 0;
    if (!stacks) { stacks = (char *)malloc(1024 * stack); fibers = new Fiber[1024](); }
    for (unsigned t = 0; t < threads; ++t) {
        Fiber &f = fibers[t];
        f.ended = false;
        if (f.entered) continue;
        getcontext(&f.entry);
        f.entry.uc_stack.ss_sp = stacks + t * stack;
        f.entry.uc_stack.ss_size = stack;
        makecontext(&f.entry, fiber, 0);
    }
    for (;;) {
        unsigned waiting = 0, over = 0;
        for (unsigned i = 0; i < threads; ++i) {
            threadIdx.x = current = backwards ? threads - 1 - i : i;
            fibers[current].waits = false;
            resume(fibers[current]);
            waiting += fibers[current].waits;
            over += fibers[current].ended;
        }
        if (over == threads) return 0;
        if (waiting == threads) continue;
        for (unsigned t = 0; t < threads; ++t) fibers[t].entered = false;
        return 1;
    }
}

template <typename... P, size_t... N>
static void call(void (*f)(P...), void **args, std::index_sequence<N...>) { f(*(P *)args[N]...); }

template <typename... P> struct Kernel {
    void (*f)(P...);
    void **args;
    static void once(void *self) {
        call(((Kernel *)self)->f, ((Kernel *)self)->args, std::index_sequence_for<P...>());
    }
    int run(unsigned blocks, unsigned threads, int backwards) {
        gridDim = {blocks, 1, 1}; blockDim = {threads, 1, 1};
        threadIdx = blockIdx = {0, 0, 0};
        job = once; job_args = this;
        for (unsigned b = 0; b < blocks; ++b) {
            blockIdx.x = backwards ? blocks - 1 - b : b;
            memset(__start_shared, backwards ? 0x7F : 0xFF, __stop_shared - __start_shared);
#ifdef FIBERS
            if (int error = run_fibers(threads, backwards)) return error;
#else
            for (unsigned t = 0; t < threads; ++t) {
                threadIdx.x = backwards ? threads - 1 - t : t;
                once(this);
            }
#endif
        }
        return 0;
    }
};
template <typename... P>
static int run(void (*f)(P...), void **args, unsigned blocks, unsigned threads, int backwards) {
    return Kernel<P...>{f, args}.run(blocks, threads, backwards);
}
// for each parameter: size of a value, 0 for a pointer, -1 for one to const
template <typename... P> static int sizes(void (*)(P...), int *out) {
    int all[] = {(std::is_pointer<P>::value
        ? (std::is_const<std::remove_pointer_t<P>>::value ? -1 : 0) : (int)sizeof(P))...};
    memcpy(out, all, sizeof all);
    return sizeof...(P);
}
#define EXPORT(name) \
    extern "C" int run_##name(void **args, unsigned blocks, unsigned threads, int backwards) { \
        return run(name, args, blocks, threads, backwards); \
    } \
    extern "C" int sizes_##name(int *out) { return sizes(name, out); }
"""

_state = SimpleNamespace(backwards=False, folder=Path())  # of the run in progress


class Case(NamedTuple):
    """One input of a GPU body: what ``cuda_cases(rng, dtype)`` of a test module yields.

    Attributes:
        op: with the reference.
        args: for it, without ``xp``; numpy arrays, None, numbers, lists of such. All arrays and
            what is returned are compared afterwards.
        name: of the case, for messages.
        body: the function that is compared, where that is not the op's own.
        rtol: None for 1e-5 in float32 and 1e-12 in float64.
        atol: None for 1e-6 and 1e-13; integers are always the same.
        refused: only what is returned is compared: with what is wrong here, the rest is not used.
    """

    op: Any
    args: tuple[Any, ...]
    name: str = ""
    body: Callable[..., Any] | None = None
    rtol: float | None = None
    atol: float | None = None
    refused: bool = False


class Function:
    """What ``RawModule.get_function`` gives."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.name = name
        self._run = getattr(library, f"run_{name}")
        sizes = (ctypes.c_int * 64)()
        self._sizes = sizes[: getattr(library, f"sizes_{name}")(sizes)]

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
    ) -> None:
        assert len(args) == len(self._sizes), f"{self.name} takes {len(self._sizes)} arguments"
        assert len(grid) == len(block) == 1, (grid, block)
        assert grid[0] > 0, grid
        assert 0 < block[0] <= 1024, block
        guarded: dict[int, Guarded] = {}  # by address: arrays may be the same
        pointers = (ctypes.c_void_p * len(args))()
        values = []
        for index, (arg, size) in enumerate(zip(args, self._sizes, strict=True)):
            if isinstance(arg, fake_cupy.ndarray):
                assert size <= 0, f"{self.name} is given an array for number {index}"
                inside = guarded.setdefault(host(arg).ctypes.data, Guarded(host(arg)))
                assert inside.array.nbytes == arg.nbytes, f"{self.name} has arrays that overlap"
                inside.written |= size == 0
                values.append(np.array(inside.address, np.uint64))
            else:
                assert isinstance(arg, np.generic), f"{self.name}: {index} is {type(arg)}"
                assert arg.itemsize == (size if size > 0 else 8), f"{self.name}: size of {index}"
                values.append(np.array(arg))
            pointers[index] = values[-1].ctypes.data
        spans = sorted((at, at + inside.array.nbytes) for at, inside in guarded.items())
        assert all(end <= at for (_, end), (at, _) in pairwise(spans)), (
            f"{self.name} has arrays that overlap"
        )
        assert not self._run(pointers, *grid, *block, int(_state.backwards)), (
            f"{self.name}: threads of a block wait at __syncthreads for others that have ended"
        )
        for inside in guarded.values():
            inside.check(self.name)


def host(array: Any) -> np.ndarray:
    """The numpy array behind one of the stand-in's; what is written to it is written there."""
    return fake_cupy._host(array)


class Guarded:
    """A copy of an array between guards."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.written = False
        self._poison = POISON[_state.backwards]
        self._bytes = np.full(array.nbytes + 2 * GUARD, self._poison, np.uint8)
        self._inside = self._bytes[GUARD : GUARD + array.nbytes]
        self._inside[:] = np.frombuffer(array.tobytes(), np.uint8)
        self.address = self._inside.ctypes.data

    def check(self, name: str) -> None:
        """Copy back what was written, and nothing else may have been."""
        ends = np.delete(self._bytes, np.s_[GUARD : GUARD + self.array.nbytes])
        assert (ends == self._poison).all(), f"{name} writes outside an array of {self.array.shape}"
        found = self._inside.view(self.array.dtype).reshape(self.array.shape)
        if self.written:
            self.array[...] = found
        else:
            same = found.tobytes() == self.array.tobytes()
            assert same, f"{name} writes to a const array of {self.array.shape}"


class RawModule:
    """``cupy.RawModule``, compiled by g++."""

    def __init__(self, *, code: str, options: tuple[str, ...] = ()) -> None:
        names = re.findall(r'extern "C" __global__ void (\w+)', code)
        fibers = "#define FIBERS\n" if "__syncthreads" in code else ""
        exports = "".join(f"EXPORT({name})\n" for name in names)
        plain = code.replace('extern "C" __global__', "__global__")
        self._library = _compiled(fibers + SHIM + plain + exports)

    def get_function(self, name: str) -> Function:
        """The kernel ``name``."""
        return Function(self._library, name)


def _compiled(source: str) -> ctypes.CDLL:
    """The library of a source; processes that share the folder share what is in it."""
    library = _state.folder / f"{sha256(source.encode()).hexdigest()[:20]}.so"
    if not library.exists():
        unfinished = library.with_suffix(f".{os.getpid()}")
        options = [
            "-std=c++17",
            "-O1",
            "-U_FORTIFY_SOURCE",
            "-fno-gnu-unique",
            "-w",
            "-shared",
            "-fPIC",
            "-xc++",
        ]
        result = subprocess.run(
            ["g++", *options, "-", "-o", str(unfinished)],
            input=source,
            text=True,
            capture_output=True,
            check=False,
        )
        assert not result.returncode, result.stderr
        unfinished.rename(library)
    return ctypes.CDLL(str(library))


def gemm(
    transa: str, transb: str, a: Any, b: Any, out: Any, alpha: float = 1.0, beta: float = 0.0
) -> Any:
    """``cupy.cublas.gemm``: ``out = alpha op(a) op(b) + beta out``."""
    a, b = (host(m).T if turn == "T" else host(m) for turn, m in ((transa, a), (transb, b)))
    assert a.dtype == b.dtype == out.dtype
    assert out.flags.c_contiguous
    assert out.shape == (len(a), b.shape[1])
    host(out)[...] = alpha * (a @ b) + beta * host(out)
    return out


class CupyOnCpu(ModuleType):
    """The stand-in for CuPy, with kernels."""

    def __init__(self) -> None:
        super().__init__("cupy")
        self.RawModule = RawModule
        self.ndarray = fake_cupy.ndarray
        self.cuda = SimpleNamespace(runtime=SimpleNamespace(getDevice=lambda: 0))
        self.cublas = SimpleNamespace(gemm=gemm)

    def empty(self, shape: int | tuple[int, ...], dtype: Any = float) -> Any:
        """An array of what no kernel should read."""
        array = fake_cupy.empty(shape, dtype)
        host(array).reshape(-1).view(np.uint8)[...] = POISON[_state.backwards]
        return array

    def __getattr__(self, name: str) -> Any:
        return getattr(fake_cupy, name)


@contextmanager
def cupy_on_cpu(folder: Path, backwards: bool = False) -> Iterator[ModuleType]:
    """Inside, ``import cupy`` gives the stand-in whose kernels run; ``folder`` keeps libraries."""
    cupy = CupyOnCpu()
    _state.folder, _state.backwards = folder, backwards
    with patch.dict("sys.modules", cupy=cupy, cudnn=None):  # cuDNN's own would not know this CuPy
        yield cupy


def run_on_cpu(case: Case, folder: Path, backwards: bool) -> tuple[Any, Any]:
    """The case's arrays and result, as the reference and as the GPU body have them."""
    expected = copied(case.args, np.copy)
    expected_result = case.op.reference(np, *expected)
    body = case.body or case.op.cuda
    with cupy_on_cpu(folder, backwards) as cupy:
        found = copied(case.args, cupy.asarray)
        result = body(*found)
    return (expected, expected_result), (found, result)


def run_on_gpu(case: Case, cupy: Any) -> tuple[Any, Any]:
    """Likewise, with CuPy itself; what comes from it is given as the stand-in's."""

    def brought(found: Any) -> Any:
        if isinstance(found, cupy.ndarray):
            return fake_cupy.asarray(found.get())
        return type(found)(map(brought, found)) if type(found) in (list, tuple) else found

    expected = copied(case.args, np.copy)
    expected_result = case.op.reference(np, *expected)
    found = copied(case.args, cupy.asarray)
    result = (case.body or case.op.cuda)(*found)
    return (expected, expected_result), brought((found, result))


def copied(args: Any, copy: Callable[[Any], Any]) -> Any:
    """``args``, each array copied, and one that is there twice once."""
    copies: dict[int, Any] = {}

    def walk(arg: Any) -> Any:
        if isinstance(arg, np.ndarray):
            if id(arg) not in copies:
                copies[id(arg)] = copy(arg)
            return copies[id(arg)]
        return type(arg)(map(walk, arg)) if type(arg) in (list, tuple) else arg

    return walk(args)


def compare(case: Case, expected: Any, found: Any, where: str = "") -> None:
    """Raise AssertionError where two trees of arrays and numbers differ."""
    if isinstance(expected, np.ndarray) and not expected.ndim:
        expected = expected.item()
    if isinstance(expected, np.ndarray):
        assert isinstance(found, fake_cupy.ndarray), f"{case.name}{where}"
        values, message = host(found), f"{case.name}{where}"
        assert (values.dtype, values.shape) == (expected.dtype, expected.shape), message
        if expected.dtype.kind == "f":
            single = expected.dtype == np.float32
            rtol = case.rtol if case.rtol is not None else 1e-5 if single else 1e-12
            atol = case.atol if case.atol is not None else 1e-6 if single else 1e-13
            np.testing.assert_allclose(values, expected, rtol, atol, err_msg=message)
        else:
            np.testing.assert_array_equal(values, expected, message)
    elif type(expected) in (list, tuple):
        for index, pair in enumerate(zip(expected, found, strict=True)):
            compare(case, *pair, f"{where}[{index}]")
    elif isinstance(found, fake_cupy.ndarray):  # a number that stays on the device
        assert not found.shape, f"{case.name}{where}: int() takes no {found.shape}"
        compare(case, expected, host(found).item(), where)
    elif isinstance(expected, float | np.floating):
        rtol = 1e-5 if case.rtol is None else case.rtol
        np.testing.assert_allclose(found, expected, rtol, err_msg=f"{case.name}{where}")
    else:
        assert found == expected, f"{case.name}{where}: {found}, expected {expected}"
