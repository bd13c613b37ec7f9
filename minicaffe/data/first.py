"""The first record that can be used: it tells what all the others are like."""

from __future__ import annotations

from itertools import islice

import numpy as np

from minicaffe.data.batch import Shape
from minicaffe.data.image import Decode, Image, key_text
from minicaffe.data.source import Source
from minicaffe.data.transformer import Transformer
from minicaffe.errors import DataError, LayerConfigError

TRIES = 10_000  # records: where as many are bad, the definition is


def first_image(
    source: Source[object],
    decode: Decode,
    transform: Transformer,
    start: int = 0,
    *,
    skip_bad: bool = False,
) -> tuple[Shape, tuple[int, ...]]:
    """Shapes of the first image of ``source``, once it is transformed, and of its labels.

    Args:
        source: where it comes from.
        decode: what makes an image of a record.
        transform: what is done to it.
        start: number of the first record.
        skip_bad: leave out records that cannot be read, or transformed.

    Raises:
        DataError: it cannot be read.
        LayerConfigError: it cannot be transformed.
    """
    first: DataError | None = None
    tries = min(len(source), TRIES) if skip_bad else 1
    for key, record in islice(source.records(start), tries):
        try:
            image = decode(key, record)
            return transform.shape(image.layout), labels_shape(image)
        except LayerConfigError as error:
            if not skip_bad:
                raise
            first = first or DataError(str(error), source.name, key_text(key))
        except DataError as error:
            if not skip_bad:
                raise
            first = first or error
    raise DataError(f"the first {tries:,} records are all bad; the first: {first}", source.name)


def labels_shape(image: Image) -> tuple[int, ...]:
    """() for one label, whatever it is kept in; (K,) for K of them."""
    return np.shape(image.label) if np.size(image.label) > 1 else ()
