"""What a file of weights holds, whatever its format: layers, each with blobs by their index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from minicaffe.blob_proto import HostArray, check_values, fits, proto_array, proto_shape
from minicaffe.device import Array
from minicaffe.errors import WeightsError
from minicaffe.proto.minicaffe_pb2 import BlobProto


class StoredBlob(Protocol):
    """An array in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As the file has it."""

    def fits(self, shape: Sequence[int]) -> bool:
        """The array may go into a blob of ``shape``."""

    def check(self) -> None:
        """Make sure that ``array`` and ``copy_to`` will not fail.

        Raises:
            WeightsError: there are no values, or not as many as the shape says.
        """

    def array(self) -> HostArray:
        """The values, in the type that they are stored in."""

    def copy_to(self, target: Array, xp: Array) -> None:
        """Write the values into ``target``, an array of ``xp`` whose shape fits."""


@dataclass
class StoredLayer:
    """A layer of a file.

    Attributes:
        name: its name.
        type: its type; "" where the format does not keep it.
        blobs: index to parameter; a format may leave out those that another layer owns.
        diffs: index to gradient, where the file has any.
        shared: indexes of parameters that an earlier layer of the file owns; where known.
        keeps_shared: shared parameters are among ``blobs``, once more.
        origin: FILE:LINE of its definition, where there is one.
    """

    name: str
    type: str = ""
    blobs: dict[int, StoredBlob] = field(default_factory=dict)
    diffs: dict[int, StoredBlob] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    keeps_shared: bool = True
    origin: str = ""

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of ``blobs``, in the order of their indexes."""
        return [self.blobs[index].shape for index in sorted(self.blobs)]


class ProtoBlob:
    """The ``kind``, data or diff, of a ``BlobProto``."""

    def __init__(self, proto: BlobProto, kind: str = "data") -> None:
        self.proto, self.kind = proto, kind

    @property
    def shape(self) -> tuple[int, ...]:
        """As the file has it: of four axes in the old form."""
        return proto_shape(self.proto)

    def fits(self, shape: Sequence[int]) -> bool:
        """``shape``, or in the old form ``shape`` with ones in front."""
        return fits(self.proto, shape)

    def check(self) -> None:
        """Make sure that ``array`` and ``copy_to`` will not fail.

        Raises:
            WeightsError: there are no values, or not as many as the shape says.
        """
        if not check_values(self.proto, self.kind) and 0 not in self.shape:
            raise WeightsError("has no values in the file")

    def array(self) -> HostArray:
        """The values, in the type that they are stored in."""
        array = proto_array(self.proto, self.kind)
        return np.zeros(self.shape, np.float32) if array is None else array  # of no elements

    def copy_to(self, target: Array, xp: Array) -> None:
        """Write the values into ``target``, an array of ``xp`` whose shape fits."""
        array = self.array().reshape(target.shape)
        target[...] = xp.asarray(array.astype(target.dtype, copy=False))
