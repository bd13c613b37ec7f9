"""What layers that read data ahead have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from minicaffe.blob import Blob
from minicaffe.data.image import HostArray
from minicaffe.data.prefetch import Prefetcher, cores
from minicaffe.data.upload import Uploader
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Arity, Layer
from minicaffe.proto.minicaffe_pb2 import TEST, LayerParameter

MOVED = ("scale", "mean_file", "crop_size", "mirror")  # to transform_param, when a file is read


class Buffer(Protocol):
    """Room for one batch."""

    @property
    def arrays(self) -> Sequence[HostArray]:
        """One a top, in the order of the tops; further ones belong to tops that are left out."""


B = TypeVar("B", bound=Buffer)
B_in = TypeVar("B_in", bound=Buffer, contravariant=True)


class Filler(Protocol[B_in]):
    """What fills batches; the ``number``-th is the same whenever it is asked for."""

    def __call__(
        self, buffer: B_in, number: int, stopped: Callable[[], bool], /
    ) -> Iterable[Callable[[], None]] | None:
        """Fill ``buffer`` with batch ``number``; leave it half done when ``stopped``.

        See ``Prefetcher`` for what may be returned.
        """

    def close(self) -> None:
        """Release files."""


class DataLayer(Layer, Generic[B]):
    """A layer without bottoms; threads fill its tops ahead, from the first forward on.

    A type overrides ``prepare``, ``make_filler`` and ``make_buffer``, and ``declared_image`` or
    ``declared_shapes``. For every type ``data_param.prefetch`` says how many batches there are
    ready, as in the original, and ``loader_param.threads`` how many threads make them; the
    batches are the same for any.

    Attributes:
        loader_fields: of ``loader_param``, which ones the type heeds; others are refused.
        seed: of all that is random in the batches, which are numbered from 0; a resume sets it.
        rank, ranks: which of how many processes that share the data this is.
    """

    num_bottom = Arity(0, 0)
    num_top = Arity(2, 2)
    reads_data = True
    loader_fields: frozenset[str] = frozenset(["threads"])

    @abstractmethod
    def prepare(self, top: Sequence[Blob]) -> None:
        """Refuse a definition that is wrong, and give the tops their shapes."""

    @abstractmethod
    def make_filler(self) -> Filler[B]:
        """What fills the batches of ``seed``, ``rank`` and ``ranks``."""

    @abstractmethod
    def make_buffer(self) -> B:
        """Room for one batch."""

    def declared_image(self) -> tuple[int, ...]:
        """(N, C, h, w) of the first top, from the definition; 0 for what only the data tells."""
        return (0,)

    def declared_shapes(self, first: tuple[int, ...] | None) -> list[tuple[int, ...] | None]:
        image = self.declared_image()
        first = first or (image if all(image) else None)
        return [first, first and first[:1]]

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self.param.data_param.prefetch == 0:
            raise LayerConfigError("prefetch is 0, expected at least 1 batch to have ready")
        for field, _ in self.param.loader_param.ListFields():
            if field.name not in self.loader_fields:
                raise LayerConfigError(
                    f"loader_param has {field.name}, expected {' or '.join(self.loader_fields)}: "
                    f"{self.type} has no records to choose from"
                )
        self.seed = int(self.device.rng.integers(2**32))
        self.rank, self.ranks = 0, 1
        self._taken = 0
        self._waited = 0.0
        self._filler: Filler[B] | None = None
        self._prefetcher: Prefetcher[B] | None = None
        self._uploader: Uploader | None = None
        self.prepare(top)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._prefetcher is None:
            self._filler = self.make_filler()
            buffers = [self.make_buffer() for _ in range(self.param.data_param.prefetch + 1)]
            self._prefetcher = Prefetcher(
                self._filler, buffers, self._taken, self.param.loader_param.threads or cores()
            )
        arrays = self._take(self._prefetcher, len(top))
        self._taken += 1
        for blob, array in zip(top, arrays, strict=True):
            blob.set_data(array)

    def _take(self, prefetcher: Prefetcher[B], count: int) -> Sequence[Array]:
        """``count`` arrays of the next batch, on the device; the one after is sent on its way."""
        if self.xp is np:
            return prefetcher.take().arrays[:count]
        self._uploader = uploader = self._uploader or Uploader(self.xp)
        if not uploader.pending:
            uploader.start(prefetcher.take().arrays[:count])
        arrays = uploader.finish()
        if prefetcher.is_ready:
            uploader.start(prefetcher.take().arrays[:count])
        return arrays

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
        return {"batches": self._taken, "seed": self.seed}

    def set_position(self, position: dict[str, Any]) -> None:
        """Go on with the batch after those that ``position`` counts."""
        self.close()
        self._taken, self.seed = int(position["batches"]), int(position["seed"])

    def shard(self, rank: int, ranks: int) -> None:
        """In TRAIN read every ``ranks``-th record from the ``rank``-th; in TEST read all."""
        self.close()
        if self.param.phase != TEST:
            self.rank, self.ranks = rank, ranks

    def close(self) -> None:
        """Stop the threads and close what it reads; a forward after that opens it again."""
        uploader, self._uploader = self._uploader, None
        if uploader is not None:
            uploader.close()
        prefetcher, self._prefetcher = self._prefetcher, None
        if prefetcher is not None:
            self._waited += prefetcher.waited
            if prefetcher.close() and self._filler is not None:
                self._filler.close()
        self._filler = None

    def skip(self, rand_skip: int) -> int:
        """How many records to leave out at the very start: below ``rand_skip``, by chance."""
        if not rand_skip:
            return 0
        return int(np.random.default_rng([self.seed, 0, 1]).integers(rand_skip))


def check_source(layer: LayerParameter, field: str, what: str) -> None:
    """Refuse a message ``field`` of ``layer`` without a source, or without a batch_size.

    Args:
        layer: a definition.
        field: name of the message, ``data_param`` say.
        what: what the source is.

    Raises:
        LayerConfigError: one of them is missing.
    """
    param = getattr(layer, field)
    if not param.source:
        raise LayerConfigError(f"{field} has no source, expected the path of {what}")
    if param.batch_size == 0:
        raise LayerConfigError("batch_size is 0 or not given, expected at least 1")


def check_moved(layer: LayerParameter, field: str, names: Sequence[str] = MOVED) -> None:
    """Refuse what ``transform_param`` has now, and where an upgrade moves it.

    Raises:
        LayerConfigError: the message ``field`` of ``layer`` has one of ``names``.
    """
    for name in names:
        if getattr(layer, field).HasField(name):
            raise LayerConfigError(
                f"{name} is in {field}, expected in transform_param: it was moved there"
            )
