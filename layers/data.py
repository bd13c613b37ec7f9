"""Data: batches of images and labels from a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.data.datum import DatumDecoder
from minicaffe.data.image import HostArray
from minicaffe.data.source import Source, open_database
from minicaffe.layers._data import check_moved, check_source
from minicaffe.layers._images import ImageLayer
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer


@register_layer("Data")
class Data(ImageLayer):
    """The next N records of a database, transformed: ``(x - mean) * scale`` of a window of each.

    Records come in the order of their keys, round and round; a batch goes on at the start where
    the end comes in its middle. Threads read ahead, from the first forward on.

    Shapes:
        top[0]  data   (N, C, h, w): an image's size, or the crop's; an image of another size
                is allowed with N 1 alone
        top[1]  label  (N,); (N, K) where records have K ``float_label``
    Definition: ``data_param`` (source, batch_size, backend, prefetch, rand_skip),
    ``transform_param``, ``loader_param``. A relative source is looked for in the working directory.
    After: src/caffe/layers/data_layer.cpp, base_data_layer.cpp, data_transformer.cpp, but for:
    ``rand_skip``, which 1.0 ignores, works; every batch has random numbers of its own, so that
    a run can be resumed at any; there are ``prefetch`` batches ready, not one fewer; and a
    record that is cut short or of the wrong size is refused.

    Attributes:
        waited: seconds that forward had to wait for data, in all.
    """

    num_top = Arity(1, 2)

    def prepare(self, top: Sequence[Blob]) -> None:
        param = self.param.data_param
        check_source(self.param, "data_param", "a database")
        check_moved(self.param, "data_param")
        if param.HasField("force_encoded_color"):
            glog.warning(
                "data_layer.cpp:1",
                "force_encoded_color does nothing, as in Caffe 1.0: "
                "write transform_param { force_color: true }",
            )
        self.prepare_images(top)
        glog.info("data_layer.cpp:45", f"output data size: {','.join(map(str, top[0].shape))}")

    def declared_image(self) -> tuple[int, ...]:
        transform = self.param.transform_param
        channels = 1 if transform.force_gray else 3  # as photographs have
        if len(transform.mean_value) > 1:
            channels = len(transform.mean_value)
        return self.param.data_param.batch_size, channels, transform.crop_size, transform.crop_size

    def open_source(self) -> Source[bytes]:
        return open_database(self.param.data_param)

    def make_decoder(self) -> DatumDecoder:
        return DatumDecoder(self.param.data_param.source, self.param.transform_param)

    def label_of(self, key: bytes, record: Any) -> float | HostArray:
        return self.make_decoder().label(key, record)

    @property
    def batch_size(self) -> int:
        return self.param.data_param.batch_size

    @property
    def first_record(self) -> int:
        return self.skip(self.param.data_param.rand_skip)
