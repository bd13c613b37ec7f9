"""Every GPU body against its reference, on the CPU; every source through NVIDIA's compiler.

The inputs are those of ``cuda_cases(rng, dtype)`` in the test module of each op. See
``tests/cuda_on_cpu.py`` for what running a kernel on the CPU finds, and what it cannot.
"""

from __future__ import annotations

import inspect
import re
import subprocess
from importlib import import_module
from itertools import product
from pkgutil import iter_modules
from shutil import which

import numpy as np
import pytest

import minicaffe.ops
import tests.ops
from minicaffe.ops import OPS, cuda
from tests.conftest import HAS_GPU
from tests.cuda_on_cpu import compare, copied, run_on_cpu, run_on_gpu

needs_gxx = pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")


def submodules(package):
    return [f"{package.__name__}.{module.name}" for module in iter_modules(package.__path__)]


def public_functions(module):
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{module.__name__.rpartition('.')[2]}.{name}"


ALL = [import_module(n) for n in submodules(minicaffe.ops) if not n.endswith("_cpu")]
CUDA_MODULES = [module for module in ALL if module.__name__.endswith("_cuda")]
BESIDE = [  # those that have the bodies of an op's module; others help them
    module
    for module in CUDA_MODULES
    if any(module.__name__ == op.cuda_module for op in OPS.values())
]
BODIES = [name for module in BESIDE for name in public_functions(module)]
KERNELS = tuple(cuda.KERNELS)  # before tests make their own
TYPES = [(np.float32, np.int32), (np.float64, np.int64)]  # of T and I
DTYPES = {"float32": np.float32, "float64": np.float64}
BOUNDS = {"float32": 1e-4, "float64": 1e-9}  # on a GPU
# those of convolutions, which are cuDNN's there, have their own tests
ON_GPU = [name for name in BODIES if "convolution" not in name] if HAS_GPU else ["any"]


@pytest.fixture(scope="session")
def cases():
    """By the name of the body, a list for each type of float."""
    found = {}
    for name in submodules(tests.ops):
        make = getattr(import_module(name), "cuda_cases", None)
        for dtype in DTYPES if make else ():
            for case in make(np.random.default_rng(1701), DTYPES[dtype]):
                body = case.body or case.op.cuda
                assert body is not None, f"{name}: {case.op} has no GPU body"
                key = f"{body.__module__.rpartition('.')[2]}.{body.__name__}", dtype
                now = copied(case.args, np.copy)  # what makes the next may write to them
                found.setdefault(key, []).append(case._replace(args=now))
    return found


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """One folder for what is compiled, which the workers of a run share."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if folder.name.startswith("popen") else folder) / "kernels"
    folder.mkdir(exist_ok=True)
    return folder


@needs_gxx
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("body", BODIES)
def test_body_gives_what_the_reference_gives(cases, libraries, body, dtype):
    assert (body, dtype) in cases, f"no cuda_cases() in tests/ops has a case for {body}"
    check(cases[body, dtype], libraries)


@needs_gxx
def test_other_bodies_give_what_the_reference_gives(cases, libraries):
    """What has a case, but stands beside no op: columns_cuda, say."""
    for (body, _), found in cases.items():
        if body not in BODIES:
            check(found, libraries)


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_GPU, reason="needs CuPy and a CUDA device")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("body", ON_GPU)
def test_body_gives_what_the_reference_gives_on_a_gpu(cases, body, dtype):
    """Within wider bounds: there a product and a sum are rounded once, and exp is another."""
    import cupy

    for case in cases[body, dtype]:
        with np.errstate(all="ignore"):
            expected, found = run_on_gpu(case, cupy)
        compare_all(case._replace(rtol=BOUNDS[dtype], atol=BOUNDS[dtype]), expected, found)


def check(cases, libraries):
    for case, backwards in product(cases, (False, True)):
        with np.errstate(all="ignore"):
            expected, found = run_on_cpu(case, libraries, backwards)
        compare_all(case, expected, found)


def compare_all(case, expected, found):
    if case.refused:
        expected, found = expected[1:], found[1:]
    compare(case, expected, found)


@pytest.mark.parametrize("module", BESIDE, ids=lambda module: module.__name__)
def test_what_stands_beside_an_op_is_its_body(module):
    """A body under another name than its op's would never run."""
    stem = module.__name__.rpartition(".")[2]
    ops = {op.__name__ for op in OPS.values() if op.cuda_module == module.__name__}
    assert set(public_functions(module)) <= {f"{stem}.{name}" for name in ops}


@pytest.mark.skipif(which("nvcc") is None, reason="nvcc compiles the sources")
@pytest.mark.parametrize("types", TYPES, ids=["small arrays", "large arrays"])
@pytest.mark.parametrize("optimized", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_nvcc_compiles_every_source(tmp_path, types, optimized):
    """All in one go, each in a namespace of its own, since starting nvcc takes longer than this."""
    path = tmp_path / "all.cu"
    before = cuda.prologue(*types)
    parts = []
    for number, source in enumerate(sources()):
        ended = (f"#undef {name}\n" for name in re.findall(r"#define (\w+)", source))
        apart = source.replace('extern "C"', "")
        parts += [f"namespace source_{number} {{\n{before}{apart}\n}}\n", *ended]
    path.write_text("".join(parts))
    options = [f"-gencode=arch=compute_{n},code=sm_{n}" for n in architectures(optimized)]
    options += [] if optimized else ["-Xcicc", "-O0", "-Xptxas", "-O0"]
    command = ["nvcc", "-std=c++17", "-Werror", "all-warnings", "-fatbin", *options]
    result = subprocess.run(
        [*command, "-o", str(tmp_path / "all.fatbin"), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("types", TYPES, ids=["small arrays", "large arrays"])
def test_nvrtc_compiles_every_source(types):
    """With what CuPy gives it, and as it finds them: without any header."""
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings calls nvrtc")
    try:
        nvrtc.nvrtcVersion()
    except RuntimeError as error:
        pytest.skip(f"cuda-bindings finds no nvrtc: {error}")
    options = [b"--std=c++17", b"--gpu-architecture=compute_90"]
    for source in sources():
        code = (cuda.prologue(*types) + source).encode()
        _, program = nvrtc.nvrtcCreateProgram(code, b"source.cu", 0, [], [])
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        _, size = nvrtc.nvrtcGetProgramLogSize(program)
        log = b" " * size
        nvrtc.nvrtcGetProgramLog(program, log)
        assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode()


def sources():
    assert KERNELS
    return list(dict.fromkeys(kernel.source for kernel in KERNELS))


def architectures(several):
    """The oldest that this nvcc still knows; where ``several``, that of the H100 and H200 too."""
    listed = subprocess.run(["nvcc", "--list-gpu-arch"], capture_output=True, text=True, check=True)
    numbers = [int(line.rpartition("_")[2]) for line in listed.stdout.split()]
    return sorted({min(numbers), *([90] if several else [])})
