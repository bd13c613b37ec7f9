"""HDF5Output: write what a net computes to a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer

if TYPE_CHECKING:
    from minicaffe.data.hdf5_writer import Hdf5Writer

NAMES = ("data", "label")


@register_layer("HDF5Output")
class HDF5Output(Layer):
    """Each forward adds the rows of its bottoms to the datasets ``data`` and ``label``.

    The file is made anew when the net is built, and is whole after each forward; others can
    open it once the net is closed. A forward after that adds to it.

    Shapes:
        bottom[0]  (N, ...): dataset ``data``; with 4 axes as in Caffe's blobs of old: what has
                   fewer gets axes of 1 at its end
        bottom[1]  (N, ...): dataset ``label``, likewise
    Definition: ``hdf5_output_param.file_name``, in a folder that is there.
    After: src/caffe/layers/hdf5_output_layer.cpp, but for: a second forward, which aborts there
    (issue #1726), adds its rows; and bottoms may have more than 4 axes.
    """

    num_bottom = Arity(2, 2)
    num_top = Arity(0, 0)
    waits = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if not self.param.hdf5_output_param.file_name:
            raise LayerConfigError("file_name is not given, expected the path of a file to write")
        self._check(bottom)
        self._writer: Hdf5Writer | None = None
        if not self.device.shapes_only:
            self._writer = self._open(append=False)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._check(bottom)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._writer is None:
            self._writer = self._open(append=True)
        self._writer.append(
            {
                name: self.device.to_numpy(blob.data).reshape(blob.shape + (1,) * (4 - blob.ndim))
                for name, blob in zip(NAMES, bottom, strict=True)
            }
        )

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for blob, wanted in zip(bottom, propagate_down, strict=True):
            if wanted:
                blob.diff[...] = 0

    def close(self) -> None:
        """Close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _open(self, *, append: bool) -> Hdf5Writer:
        from minicaffe.data.hdf5_writer import Hdf5Writer  # h5py is loaded where it is needed

        return Hdf5Writer(self.param.hdf5_output_param.file_name, append=append)

    def _check(self, bottom: Sequence[Blob]) -> None:
        for blob, name in zip(bottom, NAMES, strict=True):
            if blob.ndim == 0:
                raise ShapeError(f"the bottom for {name} has no axes, expected rows")
        if bottom[0].shape[0] != bottom[1].shape[0]:
            raise ShapeError(
                f"bottoms have {bottom[0].shape[0]} and {bottom[1].shape[0]} rows, expected as "
                "many labels as data"
            )
