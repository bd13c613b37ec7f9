"""The device that a command line and a solver ask for.

After: tools/caffe.cpp (get_gpus, train). The GPU is used only where ``-gpu`` or an explicit
``solver_mode: GPU`` asks for it, although GPU is that field's default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.device import Device, cpu
from minicaffe.errors import DeviceError
from minicaffe.gpus import count_gpus, gpu_name, list_gpus, use_gpu
from minicaffe.ops.products import checked_precision
from minicaffe.proto.minicaffe_pb2 import SolverParameter

if TYPE_CHECKING:
    from argparse import Namespace


def device_for(args: Namespace, where: str = "caffe.cpp:197") -> Device:
    """The device to build on, the first of several; says in the log which it is.

    Args:
        args: ``gpu`` is the flag's value.
        where: Caffe's FILE:LINE for "Use CPU.".

    Raises:
        DeviceError: a GPU is asked for that cannot be used.
    """
    gpus = gpus_for(args, where=where)[:1]
    return gpu_device(gpus, 0, asker(args), getattr(args, "precision", "fp32"))


def gpus_for(
    args: Namespace, solver: SolverParameter | None = None, where: str = "caffe.cpp:197"
) -> list[int]:
    """The numbers of the GPUs to train on; none for the CPU.

    Args:
        args: ``gpu`` is the flag's value; with a solver, ``cpu`` overrides its mode.
        solver: its ``solver_mode`` and ``device_id`` count where there is no flag.
        where: Caffe's FILE:LINE for "Use CPU.".

    Raises:
        DeviceError: one is asked for that is not there, or twice.
    """
    flag = _flag(args, solver)
    if not flag:
        glog.info(where, "Use CPU.")
        return []
    with asked_by(asker(args, solver)):
        cupy, count = count_gpus()
        return gpu_numbers(flag, cupy, count)


def gpu_device(gpus: list[int], rank: int, who: tuple[str, str], precision: str = "fp32") -> Device:
    """The device of process ``rank``, which computes on it from now on; without any, the CPU.

    Args:
        gpus: of all processes.
        rank: of this one; the first says in the log which they are.
        who: what asks for them: see ``asker``.
        precision: the device's.

    Raises:
        DeviceError: it cannot be used.
    """
    if not gpus:
        return checked_precision(replace(cpu(), precision=precision))
    with asked_by(who):
        cupy, _ = count_gpus()
        if rank == 0:
            glog.info("caffe.cpp:218", f"Using GPUs {', '.join(map(str, gpus))}")
            for number in gpus:
                glog.info("caffe.cpp:223", f"GPU {number}: {gpu_name(cupy, number)}")
        use_gpu(cupy, gpus[rank])
        return checked_precision(Device(cupy, gpus[rank], cpu().rng, precision=precision))


def gpu_numbers(flag: str, cupy: Any, count: int) -> list[int]:
    """The device numbers in ``0,1`` or ``all``.

    Args:
        flag: the list.
        cupy: what knows the devices' names.
        count: how many there are.

    Raises:
        DeviceError: one is no number below ``count``, or there twice.
    """
    if flag == "all":
        return list(range(count))
    numbers: list[int] = []
    for word in flag.split(","):
        if not (word.strip().isdecimal() and int(word) < count):
            raise DeviceError(
                f"device is {word.strip()!r}, expected all, or of {list_gpus(cupy, count)}"
            )
        if int(word) in numbers:
            raise DeviceError(f"device {int(word)} is given twice, expected once")
        numbers.append(int(word))
    return numbers


def asker(args: Namespace, solver: SolverParameter | None = None) -> tuple[str, str]:
    """What asks for a GPU, and how to do without where it is a file."""
    if args.gpu or solver is None:
        return f"-gpu {args.gpu}", ""
    return "solver_mode: GPU", "; to train on the CPU, add --cpu or write solver_mode: CPU"


@contextmanager
def asked_by(who: tuple[str, str]) -> Iterator[None]:
    """Say of a ``DeviceError`` inside what has asked."""
    try:
        yield
    except DeviceError as error:
        raise DeviceError(f"{who[0]}: {error}{who[1]}") from error


def _flag(args: Namespace, solver: SolverParameter | None) -> str:
    """``-gpu``, or what stands for it in ``solver``; "" for the CPU."""
    if args.gpu or solver is None or args.cpu:
        return args.gpu or ""
    asks = solver.HasField("solver_mode") and solver.solver_mode == SolverParameter.GPU
    return str(solver.device_id) if asks else ""
