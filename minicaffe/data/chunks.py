"""Records on their way into a database, as many at a time as are written at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from minicaffe.data.image import key_text
from minicaffe.errors import DataError

COMMIT = 1000  # records at once, as the original's converters
NBYTES = 1 << 25  # or so many bytes: they are all in memory


def chunks(
    records: Iterable[tuple[bytes, bytes]], name: str
) -> Iterator[list[tuple[bytes, bytes]]]:
    """``records`` in lists that are not empty.

    Args:
        records: (key, value).
        name: of the database that they go to, for errors.

    Raises:
        DataError: a key is not greater than the one before.
    """
    chunk: list[tuple[bytes, bytes]] = []
    nbytes = 0
    last = None
    for key, value in records:
        if last is not None and key <= last:
            raise DataError("is not greater than the key before it", name, key_text(key))
        last = key
        chunk.append((key, value))
        nbytes += len(value)
        if len(chunk) == COMMIT or nbytes >= NBYTES:
            yield chunk
            chunk, nbytes = [], 0
    if chunk:
        yield chunk
