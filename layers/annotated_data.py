"""AnnotatedData: batches of images, and of the objects in them, from a database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.boxes.ground_truth import COLUMNS
from minicaffe.data.annotated.filler import LEAST, AnnotatedBatch, AnnotatedFiller
from minicaffe.data.annotated.record import AnnotatedDecoder
from minicaffe.data.annotated.transformer import AnnotatedTransformer
from minicaffe.data.image import HostArray
from minicaffe.data.sampling import sampled
from minicaffe.data.source import Source, open_database
from minicaffe.errors import LayerConfigError
from minicaffe.layers._data import DataLayer, check_source
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import TRAIN, LoaderParameter, ResizeParameter

_ONE_LABEL = ("balanced", "skip_bad")  # of loader_param: what records with one label can do


@register_layer("AnnotatedData")
class AnnotatedData(DataLayer[AnnotatedBatch]):
    """The next N records of a database: images, transformed, and the boxes of their objects.

    What is done to an image, in this order: ``distort_param`` changes its colours,
    ``expand_param`` puts it somewhere in a larger one of mean colour, one window is chosen of all
    that the ``batch_sampler``s take, ``resize_param`` brings it to one size, ``noise_param``
    damages it, ``crop_size`` (or ``crop_h`` and ``crop_w``) cuts from it, in TRAIN anywhere, in
    TEST in the middle, ``mirror`` turns one in two, and it becomes ``(x - mean) * scale``. The
    boxes go along; an object whose box is outside is dropped, and one that does not fulfil
    ``emit_constraint``. All of it is done in TEST too, as far as the definition asks for it.

    Records come in the order of their keys, round and round, and are read ahead by threads, from
    the first forward on; chances depend on the number of batch and image alone.

    Shapes:
        top[0]  data   (N, C, h, w)
        top[1]  label  (1, 1, M, 8), a row an object: number of the image in the batch, class,
                       instance, xmin, ymin, xmax, ymax as shares of the sides, difficult; where
                       there is none in any image, one row of -1. (N,) where the first record has
                       no boxes, and ``anno_type`` does not say so. With ``yolo_data_type: 1``
                       (N, 1, M, 5), M at least 300: class from 0, centre x, y, sides w, h as shares
                       of the sides, of each object that is not difficult, and zeros
    Definition: ``annotated_data_param``, ``data_param`` (source, batch_size, backend, prefetch,
    rand_skip), ``transform_param``, ``loader_param`` but for ``balanced`` and ``skip_bad``.
    ``label_map_file`` is not read. With ``yolo_data_type: 1`` a window that lacks up to
    ``yolo_data_jitter`` of each side is cut, and none of the samplers'. A relative source is looked
    for in the working directory.
    After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector",
    2016, section 2.2, and the layer of its fork of Caffe; the fork MobileNet-YOLO. Differs: raw
    records are resized and distorted as encoded ones are; hues go round the circle; boxes are where
    the scaled and padded pixels are, to the pixel; of a sampler, one object has to fulfil all
    constraints; ``prob`` of ``noise_param`` is followed where it is given; what a batch cannot
    hold, images of several sizes, is refused when the net is built, as far as the definition shows
    it; MobileNet-YOLO may have several ``resize_param``, of which each batch takes one.
    """

    origin = "SSD"
    num_top = Arity(1, 2)
    loader_fields = frozenset(LoaderParameter.DESCRIPTOR.fields_by_name)

    def prepare(self, top: Sequence[Blob]) -> None:
        check_source(self.param, "data_param", "a database")
        param, transform = self.param.annotated_data_param, self.param.transform_param
        for name in _ONE_LABEL:
            if self.param.loader_param.HasField(name):
                raise LayerConfigError(
                    f"loader_param has {name}, expected none: an image here has many labels, or "
                    "its record has to be whole"
                )
        if param.yolo_data_type not in (0, 1):
            raise LayerConfigError(f"yolo_data_type is {param.yolo_data_type}, expected 0 or 1")
        self._transformer = AnnotatedTransformer(
            transform,
            param.batch_sampler,
            train=self.param.phase == TRAIN,
            jitter=param.yolo_data_jitter if param.yolo_data_type else None,
            dtype=self.dtype,
        )
        size = self.param.data_param.batch_size
        if self._transformer.changes_size and size > 1:
            raise LayerConfigError(
                f"batch_size is {size} without a resize_param that makes all images alike, "
                "expected one, or 1: windows and expansion change their sizes"
            )
        with closing(self._source()) as source:
            key, record = next(iter(source.records(self._first_record)))
            first = self._decoder()(key, record)
        shape = self._transformer.shape(first.layout)
        self._boxes = first.has_boxes or param.HasField("anno_type")
        self._shape = shape if size > 1 or self._transformer.is_fixed else None
        top[0].reshape((size, *shape))
        for blob in top[1:]:
            blob.reshape(self._label_shape if self._boxes else (size,))
        glog.info(
            "annotated_data_layer.cpp:1", f"output data size: {','.join(map(str, top[0].shape))}"
        )

    def declared_shapes(self, first: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        transform, size = self.param.transform_param, self.param.data_param.batch_size
        crop = transform.crop_h or transform.crop_size, transform.crop_w or transform.crop_size
        resize = transform.resize_param
        if not all(crop) and resize.resize_mode != ResizeParameter.FIT_SMALL_SIZE:
            crop = resize.height, resize.width
        if first is None and all(crop):
            first = size, 1 if transform.force_gray else 3, *crop
        return [first, self._label_shape]

    def make_filler(self) -> AnnotatedFiller:
        return AnnotatedFiller(
            self._source(),
            self._decoder(),
            self._transformer,
            shape=self._shape,
            boxes=self._boxes,
            shares=bool(self.param.annotated_data_param.yolo_data_type),
            seed=self.seed,
            skip=self._first_record,
            rank=self.rank,
            ranks=self.ranks,
        )

    def make_buffer(self) -> AnnotatedBatch:
        return AnnotatedBatch(self.param.data_param.batch_size, self.dtype)

    @property
    def _label_shape(self) -> tuple[int, ...]:
        """Of the objects, before a batch tells how many there are."""
        if self.param.annotated_data_param.yolo_data_type:
            return self.param.data_param.batch_size, 1, LEAST, 5
        return 1, 1, 1, COLUMNS

    @property
    def _first_record(self) -> int:
        return self.skip(self.param.data_param.rand_skip)

    def _decoder(self) -> AnnotatedDecoder:
        return AnnotatedDecoder(self.param.data_param.source, self.param.transform_param)

    def _source(self) -> Source[bytes]:
        source = open_database(self.param.data_param)
        return sampled(source, self.param.loader_param, self.seed, _no_label)


def _no_label(key: bytes, record: object) -> float | HostArray:
    raise LayerConfigError("loader_param has balanced, expected none: an image has many labels")
