"""What would fail at the first snapshot, hours from now, is refused before training starts.

After: src/caffe/solver.cpp (CheckSnapshotWritePermissions), which tries to write a file too.
Difference: the room on the disk and the limits of the formats are looked at as well.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from minicaffe import glog
from minicaffe.errors import SolverConfigError, WeightsError
from minicaffe.files import remove_leftovers, replacing
from minicaffe.proto.binary import MAX_BYTES
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.weights_file import check_names, owners

if TYPE_CHECKING:
    from minicaffe.net import Net
    from minicaffe.solvers import UpdateRule

_HEADS = 2**16  # bytes that a file takes beside its arrays, about


def writes_snapshots(param: SolverParameter) -> bool:
    """The definition asks for snapshots."""
    return bool(param.snapshot or param.snapshot_after_train or param.snapshot_best)


def check_snapshots(param: SolverParameter) -> None:
    """See that snapshots can be written, by writing; clear away what killed runs left half done.

    Raises:
        SolverConfigError: the folder of ``snapshot_prefix`` is not there or cannot be written.
    """
    if not writes_snapshots(param):
        return
    prefix = Path(f"{param.snapshot_prefix}_")
    if not prefix.parent.is_dir():
        raise SolverConfigError(
            f"snapshot_prefix is {param.snapshot_prefix!r}, expected a path in a folder that "
            f"exists: {prefix.parent} does not"
        )
    for path in remove_leftovers(prefix):
        glog.info("solver.cpp:440", f"Removed {path}, which a killed run had left half written")
    suffix = ".h5" if param.snapshot_format == SolverParameter.HDF5 else ""
    longest = f"{prefix}iter_{max(param.max_iter, 0)}.solverstate{suffix}"
    probe = Path(f"{longest[:-1]}~")  # names may be at their limit, and no file is to be lost
    try:
        with replacing(probe) as temporary:
            temporary.write_bytes(bytes(4096))
        probe.unlink()
    except (WeightsError, OSError, ValueError) as error:
        raise SolverConfigError(
            f"snapshot_prefix is {param.snapshot_prefix!r}, expected a path that can be written: "
            f"{error}"
        ) from error


def check_room(param: SolverParameter, net: Net, rule: UpdateRule) -> None:
    """See that a snapshot of ``net`` has a form in the format, and fits on the disk.

    Args:
        param: the solver's definition.
        net: built, its parameters known.
        rule: the update rule, which says how many arrays a parameter has in the state.

    Raises:
        SolverConfigError: it has none, or does not fit.
    """
    if not writes_snapshots(param):
        return
    as_hdf5 = param.snapshot_format == SolverParameter.HDF5
    if as_hdf5:
        try:
            check_names(net)
        except WeightsError as error:
            raise SolverConfigError(f"snapshot_format is HDF5: {error}") from error
    sizes = sizes_of_snapshot(param, net, rule)
    for what, size in zip(("parameters", "state"), sizes, strict=True):
        if size > MAX_BYTES and not as_hdf5:
            raise SolverConfigError(
                f"snapshot_format is BINARYPROTO, expected HDF5: the {what} take {size} bytes, "
                f"and protobuf holds at most {MAX_BYTES}; set snapshot_format: HDF5"
            )
    folder = Path(f"{param.snapshot_prefix}_").parent
    free = shutil.disk_usage(folder).free
    if sum(sizes) > free:
        raise SolverConfigError(
            f"snapshot_prefix is {param.snapshot_prefix!r}, expected a path with room for a "
            f"snapshot: it takes {sum(sizes)} bytes, and {os.fspath(folder)} has {free} free"
        )


def sizes_of_snapshot(param: SolverParameter, net: Net, rule: UpdateRule) -> tuple[int, int]:
    """About how many bytes the file of the parameters and that of the state take."""
    item, owned = net.dtype.itemsize, owners(net)
    blobs = [blob for step in net.steps for blob in step.layer.blobs]
    as_hdf5 = param.snapshot_format == SolverParameter.HDF5
    kept = sum(blob.count for blob in blobs if not as_hdf5 or id(blob) in owned)
    if param.snapshot_diff:
        kept += sum(blob.count for blob in blobs)
    history = rule.num_history * sum(p.blob.count for p in net.params)
    return _HEADS + item * kept, _HEADS + item * history
