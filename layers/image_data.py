"""ImageData: batches of images and labels from the files that a text file lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.data.bad_records import BadRecords
from minicaffe.data.image import HostArray
from minicaffe.data.image_list import Entry, ImageList, ImageListDecoder, read_image_list
from minicaffe.errors import LayerConfigError
from minicaffe.layers._data import check_moved, check_source
from minicaffe.layers._images import ImageLayer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import LoaderParameter

WHOLE = (1 << 32) - 1  # a shuffle_buffer that no list is longer than


@register_layer("ImageData")
class ImageData(ImageLayer):
    """The next N images of a list, transformed: ``(x - mean) * scale`` of a window of each.

    The list has a line ``path label`` for each image, split at its last space. It is read round
    and round; with ``shuffle`` in a new random order each time. Threads read ahead, from the
    first forward on. With ``label_dim`` K, the last K words of a line are numbers, whole or not.

    Shapes:
        top[0]  data   (N, C, h, w), C 3 (blue, green, red) or 1; an image's size, new_height x
                new_width, or the crop's. Without either, images of several sizes need N 1
        top[1]  label  (N,); (N, K) where ``label_dim`` is over 1
    Definition: ``image_data_param`` (source, root_folder, batch_size, shuffle, rand_skip,
    new_height, new_width, is_color, label_dim), ``transform_param`` (its force_color and
    force_gray do nothing: is_color does), ``loader_param``, ``data_param.prefetch``.
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
        glog.info("image_data_layer.cpp:38", f"Opening file {param.source}")
        bad = BadRecords() if self.param.loader_param.skip_bad else None
        self._lines = read_image_list(
            param.source, param.root_folder, param.label_dim, None if bad is None else bad.add
        )
        if bad is not None:
            bad.report()
        glog.info("image_data_layer.cpp:63", f"A total of {len(self._lines)} images.")
        self.prepare_images(top)
        size = ",".join(map(str, top[0].shape))
        glog.info("image_data_layer.cpp:90", f"output data size: {size}")

    def declared_image(self) -> tuple[int, ...]:
        param, crop = self.param.image_data_param, self.param.transform_param.crop_size
        channels = 3 if param.is_color else 1
        return param.batch_size, channels, crop or param.new_height, crop or param.new_width

    def open_source(self) -> ImageList:
        param = self.param.image_data_param
        shuffled = param.shuffle and self.sampling is self.param.loader_param
        seed = self.seed if shuffled else None
        return ImageList(param.source, self._lines, seed, param.root_folder)

    def make_decoder(self) -> ImageListDecoder:
        param = self.param.image_data_param
        size = (param.new_height, param.new_width) if param.new_height else None
        return ImageListDecoder(param.source, color=param.is_color, size=size)

    def label_of(self, key: bytes, record: Entry) -> float | HostArray:
        return np.asarray(record[1])

    @property
    def sampling(self) -> LoaderParameter:
        """As the definition says; what is left of a list is shuffled after that, and as a whole."""
        loader = self.param.loader_param
        chosen = loader.balanced or loader.share_from > 0 or loader.share_to < 1
        if not (chosen and self.param.image_data_param.shuffle):
            return loader
        result = LoaderParameter()
        result.CopyFrom(loader)
        result.shuffle_buffer = WHOLE
        return result

    @property
    def batch_size(self) -> int:
        return self.param.image_data_param.batch_size

    @property
    def first_record(self) -> int:
        return self.skip(self.param.image_data_param.rand_skip)
