"""``minicaffe device_query``: what there is to compute on.

After: tools/caffe.cpp (device_query). Differences: the CPU and the libraries that use it are
shown too, and all GPUs where ``-gpu`` is not given.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from typing import Any

from minicaffe.errors import DeviceError


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "device_query",
        help="show the CPU and the GPUs",
        description="Show what there is to compute on, and the libraries that do it.",
    )
    parser.add_argument("--gpu", metavar="IDS", help='GPUs to show: "0", "0,1", "all" (default)')


def run(args: argparse.Namespace) -> int:
    """Print a line for each device; a GPU asked for must be there."""
    from minicaffe.cli._device import gpu_numbers
    from minicaffe.gpus import count_gpus

    lines = _cpu()
    try:
        cupy, count = count_gpus()
        lines += _gpus(cupy, gpu_numbers(args.gpu or "all", cupy, count))
    except DeviceError as error:
        if args.gpu:
            raise DeviceError(f"-gpu {args.gpu}: {error}") from error
        lines.append(f"GPU: none: {error}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _cpu() -> list[str]:
    import numpy as np
    import scipy.linalg  # noqa: F401  # loads the BLAS that kernels call
    import threadpoolctl

    from minicaffe.ops.numba_cpu import numba, threads

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [f"CPU: {_cpu_name()}, {usable} of {os.cpu_count()} cores usable"]
    lines.append(f"  numpy {np.__version__}, numba {numba.__version__}: {threads()} thread(s)")
    return lines + [
        f"  BLAS: {pool['internal_api']} {pool['version']}, {pool['num_threads']} thread(s), "
        f"{Path(pool['filepath']).name}"
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == "blas"
    ]


def _cpu_name() -> str:
    """As the kernel names it; Python knows the architecture alone on Linux."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def _gpus(cupy: Any, numbers: list[int]) -> list[str]:
    """What each GPU is, and the libraries that CuPy has found for them."""
    from minicaffe.gpus import dotted, gpu_name

    runtime, lines = cupy.cuda.runtime, []
    for number in numbers:
        properties = runtime.getDeviceProperties(number)
        memory = properties["totalGlobalMem"] / 2**30
        capability = f"{properties['major']}.{properties['minor']}"
        lines.append(
            f"GPU {number}: {gpu_name(cupy, number)}, {memory:.1f} GiB, "
            f"compute capability {capability}"
        )
    versions = (("CUDA", runtime.runtimeGetVersion()), ("driver", runtime.driverGetVersion()))
    of_cuda = ", ".join(f"{name} {dotted(version)}" for name, version in versions)
    return [*lines, f"  cupy {cupy.__version__}, {of_cuda}", f"  NCCL: {_nccl()}"]


def _nccl() -> str:
    from minicaffe.parallel.nccl import INSTALL, has_nccl

    return "found: -gpu 0,1 can train on several" if has_nccl() else f"none: {INSTALL}"
