"""DenseImageData: batches of images and of a class for each pixel, from the files of a list."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.data.batch import Batch
from minicaffe.data.dense import DenseFiller, PairReader, read_pairs
from minicaffe.data.geometry import Size
from minicaffe.data.image_list import ImageList
from minicaffe.errors import LayerConfigError
from minicaffe.layers._data import DataLayer, check_moved, check_source
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("DenseImageData")
class DenseImageData(DataLayer[Batch]):
    """The next N images of a list, ``(x - mean) * scale`` of a window of each, and their labels.

    The list has a line ``image labels`` for each: the paths of two image files of one size, the
    second grey, its values the classes. It is read round and round; with ``shuffle`` in a new
    random order each time. Threads read ahead, from the first forward on.

    Shapes:
        top[0]  data   (N, C, h, w), C 3 (blue, green, red) or 1; an image's size, new_height x
                new_width, or the crop's. Without either, images of several sizes need N 1
        top[1]  label  (N, 1, h, w), resized to the nearest, cropped and mirrored with the image;
                (N, 1, h / f, w / f) where ``label_divide_factor`` is f, without a crop
    Definition: ``dense_image_data_param`` (source, root_folder, batch_size, shuffle, rand_skip,
    new_height, new_width, is_color, label_divide_factor, root_folder_image and root_folder_label,
    which come behind root_folder), ``transform_param`` (scale, mean_value, mean_file, crop_size,
    mirror), ``data_param.prefetch``, ``loader_param.threads``.
    After: V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet: a deep convolutional encoder-decoder
    architecture for image segmentation", 2015, and the layers of its fork of Caffe and of ENet's,
    which has ``mirror`` and ``crop_height`` in its own message. Differs: crops
    and mirrors, which there are refused; the order depends on the run's seed alone, so that a run
    can be resumed; several processes share the list.
    """

    origin = "SegNet"
    num_top = Arity(2, 2)
    loader_fields = frozenset({"threads"})

    def prepare(self, top: Sequence[Blob]) -> None:
        param = self.param.dense_image_data_param
        check_source(self.param, "dense_image_data_param", "a list of images and labels")
        check_moved(self.param, "dense_image_data_param")
        if (param.new_height > 0) != (param.new_width > 0):
            raise LayerConfigError(
                f"new_height is {param.new_height} and new_width {param.new_width}, expected "
                "both or neither"
            )
        shrink, crop = param.label_divide_factor, self.param.transform_param.crop_size
        if not shrink or (shrink > 1 and (crop or not param.new_height)):
            raise LayerConfigError(
                f"label_divide_factor is {shrink}, expected 1, or more with new_height and "
                "new_width and without crop_size"
            )
        roots = param.root_folder_image, param.root_folder_label
        self._lines = read_pairs(param.source, *(param.root_folder + root for root in roots))
        self._shape = self.make_filler().first()
        top[0].reshape((param.batch_size, *self._shape))
        top[1].reshape((param.batch_size, *self._label_shape))
        glog.info(
            "dense_image_data_layer.cpp:1", f"output data size: {','.join(map(str, top[0].shape))}"
        )

    def declared_image(self) -> tuple[int, ...]:
        param, crop = self.param.dense_image_data_param, self.param.transform_param.crop_size
        channels = 3 if param.is_color else 1
        return param.batch_size, channels, crop or param.new_height, crop or param.new_width

    def declared_shapes(self, first: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        found = super().declared_shapes(first)[0]
        shrink = max(1, self.param.dense_image_data_param.label_divide_factor)
        return [found, found and (found[0], 1, *(side // shrink for side in found[2:]))]

    def make_filler(self) -> DenseFiller:
        param = self.param.dense_image_data_param
        size = Size(param.new_height, param.new_width) if param.new_height else None
        return DenseFiller(
            ImageList(param.source, self._lines, self.seed if param.shuffle else None),
            PairReader(
                param.source,
                color=param.is_color,
                size=size,
                shrink=param.label_divide_factor,
            ),
            self.param.transform_param,
            train=self.param.phase == TRAIN,
            dtype=self.dtype,
            seed=self.seed,
            skip=self.skip(param.rand_skip),
            rank=self.rank,
            ranks=self.ranks,
        )

    def make_buffer(self) -> Batch:
        batch = Batch(self.param.dense_image_data_param.batch_size, self.dtype)
        batch.fit(self._shape, self._label_shape)
        return batch

    @property
    def _label_shape(self) -> tuple[int, int, int]:
        shrink, (_, height, width) = (
            self.param.dense_image_data_param.label_divide_factor,
            self._shape,
        )
        return 1, height // shrink, width // shrink
