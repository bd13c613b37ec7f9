"""Data: batches of images and labels from a database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np

from minicaffe import log
from minicaffe.blob import Blob
from minicaffe.data.batch import Batch, BatchFiller
from minicaffe.data.datum import DatumDecoder
from minicaffe.data.prefetch import Prefetcher
from minicaffe.data.source import open_database
from minicaffe.data.transformer import Transformer
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN

MOVED = ("scale", "mean_file", "crop_size", "mirror")  # from data_param to transform_param


@register_layer("Data")
class Data(Layer):
    """The next N records of a database, transformed: ``(x - mean) * scale`` of a window of each.

    Records come in the order of their keys, round and round; a batch goes on at the start where
    the end comes in its middle. A thread reads ahead, from the first forward on.

    Shapes:
        top[0]  data   (N, C, h, w): an image's size, or the crop's; an image of another size
                is allowed with N 1 alone
        top[1]  label  (N,)
    Definition: ``data_param`` (source, batch_size, backend, prefetch, rand_skip),
    ``transform_param``. A relative source is looked for in the working directory.
    After: src/caffe/layers/data_layer.cpp, base_data_layer.cpp, data_transformer.cpp, but for:
    ``rand_skip``, which 1.0 ignores, works; every batch has random numbers of its own, so that
    a run can be resumed at any; there are ``prefetch`` batches ready, not one fewer; and a
    record that is cut short or of the wrong size is refused.

    Attributes:
        waited: seconds that forward had to wait for data, in all.
    """

    num_bottom = Arity(0, 0)
    num_top = Arity(1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.data_param
        if not param.source:
            raise LayerConfigError("data_param has no source, expected the path of a database")
        if param.batch_size == 0:
            raise LayerConfigError("batch_size is 0 or not given, expected at least 1")
        if param.prefetch == 0:
            raise LayerConfigError("prefetch is 0, expected at least 1 batch to have ready")
        for name in MOVED:
            if param.HasField(name):
                raise LayerConfigError(
                    f"{name} is in data_param, expected in transform_param: it was moved there"
                )
        if param.HasField("force_encoded_color"):
            log.warning(
                "data_layer.cpp:1",
                "force_encoded_color does nothing, as in Caffe 1.0: "
                "write transform_param { force_color: true }",
            )
        self._seed = int(self.device.rng.integers(2**32))
        self._taken = 0
        self._waited = 0.0
        self._rank, self._ranks = 0, 1
        self._filler: BatchFiller | None = None
        self._prefetcher: Prefetcher[Batch] | None = None
        shape = self._first_shape()
        top[0].reshape((param.batch_size, *shape))
        for blob in top[1:]:
            blob.reshape((param.batch_size,))
        log.info("data_layer.cpp:45", f"output data size: {','.join(map(str, top[0].shape))}")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._prefetcher is None:
            self._prefetcher = self._start()
        batch = self._prefetcher.take()
        self._taken += 1
        for blob, array in zip(top, (batch.data, batch.labels), strict=False):
            blob.set_data(array if self.xp is np else self.xp.asarray(array))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return

    @property
    def waited(self) -> float:
        """Seconds that forward had to wait for data, in all."""
        return self._waited + (self._prefetcher.waited if self._prefetcher else 0)

    def position(self) -> dict[str, Any]:
        """How many batches forward has taken, and the seed of their random numbers."""
        return {"batches": self._taken, "seed": self._seed}

    def set_position(self, position: dict[str, Any]) -> None:
        """Go on with the batch after those that ``position`` counts."""
        self.close()
        self._taken, self._seed = int(position["batches"]), int(position["seed"])

    def shard(self, rank: int, ranks: int) -> None:
        """In TRAIN read every ``ranks``-th record from the ``rank``-th; in TEST read all."""
        self.close()
        if self.param.phase != TEST:
            self._rank, self._ranks = rank, ranks

    def close(self) -> None:
        """Stop the thread and close the database; a forward after that opens it again."""
        prefetcher, self._prefetcher = self._prefetcher, None
        if prefetcher is not None:
            self._waited += prefetcher.waited
            if prefetcher.close() and self._filler is not None:
                self._filler.close()
        self._filler = None

    def _decoder(self) -> DatumDecoder:
        return DatumDecoder(self.param.data_param.source, self.param.transform_param)

    def _first_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the tops, from the first record."""
        self._transformer = Transformer(
            self.param.transform_param, train=self.param.phase == TRAIN, dtype=self.dtype
        )
        decoder = self._decoder()
        with closing(open_database(self.param.data_param)) as source:
            return self._transformer.shape(decoder(*next(source.records(0))).layout)

    def _start(self) -> Prefetcher[Batch]:
        param = self.param.data_param
        skip = 0
        if param.rand_skip:
            skip = int(np.random.default_rng([self._seed, 0, 1]).integers(param.rand_skip))
        self._filler = BatchFiller(
            open_database(param),
            self._decoder(),
            self._transformer,
            seed=self._seed,
            skip=skip,
            rank=self._rank,
            ranks=self._ranks,
        )
        buffers = [Batch(param.batch_size, self.dtype) for _ in range(param.prefetch + 1)]
        return Prefetcher(self._filler, buffers, self._taken)
