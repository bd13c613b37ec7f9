"""HDF5Data: batches of rows of the datasets in HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._data import DataLayer, check_source
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer

if TYPE_CHECKING:
    from minicaffe.data.hdf5_source import RowFiller, Rows


@register_layer("HDF5Data")
class HDF5Data(DataLayer["Rows"]):
    """The next N rows of the datasets that are named as the tops are.

    ``source`` is a text file that lists HDF5 files, one a line. They are read one after the
    other, round and round, and a batch goes on in the next file where one ends; with ``shuffle``
    the files, and the rows of each, come in a new random order each time around. A thread reads
    ahead, from the first forward on, and has one file in memory.

    Shapes:
        top[i]  (N, ...): as the dataset of its name, whose first axis counts rows
    Definition: ``hdf5_data_param`` (source, batch_size, shuffle), ``data_param.prefetch``.
    After: src/caffe/layers/hdf5_data_layer.cpp, but for: the order depends on the run's seed
    and the number of the round alone, so that a run can be resumed at any batch (the original
    shuffles with a generator that no seed reaches); every file is looked at when the net is
    built, and one whose rows have another size is refused.
    """

    num_top = Arity(1, None)

    def prepare(self, top: Sequence[Blob]) -> None:
        param = self.param.hdf5_data_param
        if self.param.HasField("transform_param"):
            raise LayerConfigError(
                "transform_param is given, expected none: HDF5Data does not transform data"
            )
        check_source(self.param, "hdf5_data_param", "a list of HDF5 files")
        glog.info("hdf5_data_layer.cpp:80", f"Loading list of HDF5 filenames from: {param.source}")
        from minicaffe.data.hdf5_source import Hdf5Files  # h5py is loaded where it is needed

        self._files = Hdf5Files(param.source, self.param.top)
        glog.info("hdf5_data_layer.cpp:94", f"Number of HDF5 files: {len(self._files)}")
        for blob, shape in zip(top, self._files.shapes, strict=True):
            blob.reshape((param.batch_size, *shape))

    def declared_shapes(self, first: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        return [first]

    def make_filler(self) -> RowFiller:
        from minicaffe.data.hdf5_source import RowFiller

        return RowFiller(
            self._files,
            self.dtype,
            seed=self.seed if self.param.hdf5_data_param.shuffle else None,
            rank=self.rank,
            ranks=self.ranks,
        )

    def make_buffer(self) -> Rows:
        from minicaffe.data.hdf5_source import Rows

        return Rows(self.param.hdf5_data_param.batch_size, self._files.shapes, self.dtype)
