"""ImageData: batches of images and labels from the files that a text file lists."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe import log
from minicaffe.blob import Blob
from minicaffe.data.batch import Batch, BatchFiller
from minicaffe.data.image_list import ImageList, ImageListDecoder, read_image_list
from minicaffe.data.transformer import Transformer
from minicaffe.errors import LayerConfigError
from minicaffe.layers._data import DataLayer, check_moved, check_source
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("ImageData")
class ImageData(DataLayer[Batch]):
    """The next N images of a list, transformed: ``(x - mean) * scale`` of a window of each.

    The list has a line ``path label`` for each image, split at its last space. It is read round
    and round; with ``shuffle`` in a new random order each time. A thread reads ahead, from the
    first forward on.

    Shapes:
        top[0]  data   (N, C, h, w), C 3 (blue, green, red) or 1; an image's size, new_height x
                new_width, or the crop's. Without either, images of several sizes need N 1
        top[1]  label  (N,)
    Definition: ``image_data_param`` (source, root_folder, batch_size, shuffle, rand_skip,
    new_height, new_width, is_color), ``transform_param`` (its force_color and force_gray do
    nothing: is_color does), ``data_param.prefetch``.
    After: src/caffe/layers/image_data_layer.cpp, data_transformer.cpp, but for: the order
    depends on the run's seed and the number of the round alone, and each batch has random
    numbers of its own, so that a run can be resumed at any; several processes share the list
    instead of each reading all of it; a ``rand_skip`` past the end goes on at the start; blank
    lines are left out; and a line without a label, or one that is no whole number, is refused.
    """

    def prepare(self, top: Sequence[Blob]) -> None:
        param = self.param.image_data_param
        check_source(self.param, "image_data_param", "a list of images")
        check_moved(self.param, "image_data_param")
        if (param.new_height > 0) != (param.new_width > 0):
            raise LayerConfigError(
                f"new_height is {param.new_height} and new_width {param.new_width}, expected "
                "both or neither"
            )
        self._transformer = Transformer(
            self.param.transform_param, train=self.param.phase == TRAIN, dtype=self.dtype
        )
        log.info("image_data_layer.cpp:38", f"Opening file {param.source}")
        self._lines = read_image_list(param.source, param.root_folder)
        log.info("image_data_layer.cpp:63", f"A total of {len(self._lines)} images.")
        first = next(self._images().records(self.skip(param.rand_skip)))
        shape = self._transformer.shape(self._decoder()(*first).layout)
        top[0].reshape((param.batch_size, *shape))
        top[1].reshape((param.batch_size,))
        log.info("image_data_layer.cpp:90", f"output data size: {','.join(map(str, top[0].shape))}")

    def declared_image(self) -> tuple[int, ...]:
        param, crop = self.param.image_data_param, self.param.transform_param.crop_size
        channels = 3 if param.is_color else 1
        return param.batch_size, channels, crop or param.new_height, crop or param.new_width

    def make_filler(self) -> BatchFiller:
        return BatchFiller(
            self._images(),
            self._decoder(),
            self._transformer,
            seed=self.seed,
            skip=self.skip(self.param.image_data_param.rand_skip),
            rank=self.rank,
            ranks=self.ranks,
        )

    def make_buffer(self) -> Batch:
        return Batch(self.param.image_data_param.batch_size, self.dtype)

    def _images(self) -> ImageList:
        param = self.param.image_data_param
        return ImageList(param.source, self._lines, self.seed if param.shuffle else None)

    def _decoder(self) -> ImageListDecoder:
        param = self.param.image_data_param
        size = (param.new_height, param.new_width) if param.new_height else None
        return ImageListDecoder(param.source, color=param.is_color, size=size)
