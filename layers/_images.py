"""What layers that read records, each an image and its labels, have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from minicaffe.blob import Blob
from minicaffe.data.bad_records import BadRecords
from minicaffe.data.batch import Batch, Shape
from minicaffe.data.batch_filler import BatchFiller
from minicaffe.data.first import first_image
from minicaffe.data.image import Decode, HostArray
from minicaffe.data.sampling import sampled
from minicaffe.data.source import Source
from minicaffe.data.transformer import Transformer
from minicaffe.layers._data import DataLayer
from minicaffe.proto.minicaffe_pb2 import TRAIN, LoaderParameter


class ImageLayer(DataLayer[Batch]):
    """A layer that puts out transformed images, and their labels.

    A type overrides what opens its source and what decodes its records, and ``prepare``, which
    calls ``prepare_images``.
    """

    loader_fields = frozenset(LoaderParameter.DESCRIPTOR.fields_by_name)

    @abstractmethod
    def open_source(self) -> Source[Any]:
        """All records, in their own order; that of ``seed`` where there is chance in it."""

    @abstractmethod
    def make_decoder(self) -> Decode:
        """What makes images of the records."""

    @abstractmethod
    def label_of(self, key: bytes, record: Any) -> float | HostArray:
        """The label of a record, or its labels."""

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Images in a batch."""

    @property
    @abstractmethod
    def first_record(self) -> int:
        """Number of the record that the first batch begins with."""

    @property
    def sampling(self) -> LoaderParameter:
        """Which of the records are given out, and in which order."""
        return self.param.loader_param

    def prepare_images(self, top: Sequence[Blob]) -> None:
        """Give the tops the shapes that the first image and its labels have."""
        self._transformer = Transformer(
            self.param.transform_param, train=self.param.phase == TRAIN, dtype=self.dtype
        )
        with closing(self._source()) as source:
            shape, self._labels = self._first(source)
        top[0].reshape((self.batch_size, *shape))
        for blob in top[1:]:
            blob.reshape((self.batch_size, *self._labels))

    def make_filler(self) -> BatchFiller:
        source, skip_bad = self._source(), self.param.loader_param.skip_bad
        return BatchFiller(
            source,
            self.make_decoder(),
            self._transformer,
            seed=self.seed,
            skip=self.first_record,
            rank=self.rank,
            ranks=self.ranks,
            labels=self._labels,
            bad=BadRecords() if skip_bad else None,
            shape=self._first(source)[0] if skip_bad else None,
        )

    def make_buffer(self) -> Batch:
        return Batch(self.batch_size, self.dtype)

    def _source(self) -> Source[Any]:
        return sampled(self.open_source(), self.sampling, self.seed, self.label_of)

    def _first(self, source: Source[Any]) -> tuple[Shape, tuple[int, ...]]:
        return first_image(
            source,
            self.make_decoder(),
            self._transformer,
            self.first_record,
            skip_bad=self.param.loader_param.skip_bad,
        )
