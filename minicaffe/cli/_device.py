"""The device that a command line and a solver ask for.

After: tools/caffe.cpp (get_gpus, train). The GPU is used only where ``-gpu`` or an explicit
``solver_mode: GPU`` asks for it, although GPU is that field's default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minicaffe import glog
from minicaffe.device import Device, cpu
from minicaffe.errors import DeviceError
from minicaffe.gpus import count_gpus, gpu_name
from minicaffe.proto.minicaffe_pb2 import SolverParameter

if TYPE_CHECKING:
    from argparse import Namespace


def device_for(
    args: Namespace, solver: SolverParameter | None = None, where: str = "caffe.cpp:197"
) -> Device:
    """The device to build on; says in the log which it is.

    Args:
        args: ``gpu`` is the flag's value; with a solver, ``cpu`` overrides its mode.
        solver: its ``solver_mode`` and ``device_id`` count where there is no flag.
        where: Caffe's FILE:LINE for "Use CPU.".

    Raises:
        DeviceError: a GPU is asked for that cannot be used.
    """
    flag, asker, remedy = args.gpu, f"-gpu {args.gpu}", ""
    if not flag and solver is not None and _asks_for_gpu(solver) and not args.cpu:
        flag, asker = str(solver.device_id), "solver_mode: GPU"
        remedy = "; to train on the CPU, add --cpu or write solver_mode: CPU"
    if not flag:
        glog.info(where, "Use CPU.")
        return cpu()
    try:
        return _gpu(flag)
    except DeviceError as error:
        raise DeviceError(f"{asker}: {error}{remedy}") from error


def gpu_numbers(flag: str, count: int) -> list[int]:
    """The device numbers in ``0,1`` or ``all``.

    Raises:
        DeviceError: one is no number below ``count``.
    """
    if flag == "all":
        return list(range(count))
    numbers = []
    for word in flag.split(","):
        if not (word.strip().isdecimal() and int(word) < count):
            raise DeviceError(f"device {word.strip()!r}, expected one of 0..{count - 1}, or all")
        numbers.append(int(word))
    return numbers


def _asks_for_gpu(solver: SolverParameter) -> bool:
    return solver.HasField("solver_mode") and solver.solver_mode == SolverParameter.GPU


def _gpu(flag: str) -> Device:
    cupy, count = count_gpus()
    numbers = gpu_numbers(flag, count)
    if len(numbers) > 1:
        raise DeviceError(f"{len(numbers)} devices, expected one: several are not supported yet")
    glog.info("caffe.cpp:218", f"Using GPUs {numbers[0]}")
    glog.info("caffe.cpp:223", f"GPU {numbers[0]}: {gpu_name(cupy, numbers[0])}")
    cupy.cuda.Device(numbers[0]).use()
    return Device(cupy, numbers[0], cpu().rng)
