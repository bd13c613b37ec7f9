"""plyvel, which reads and writes LevelDB: it need not be installed."""

from __future__ import annotations

from typing import Any

from minicaffe.errors import DataError


def load_plyvel(name: str) -> Any:
    """The module plyvel.

    Args:
        name: the database that it is loaded for, for errors.

    Raises:
        DataError: it is not installed.
    """
    try:
        import plyvel
    except ImportError as error:
        raise DataError(
            "plyvel, which LevelDB needs, cannot be loaded: pip install 'minicaffe[leveldb]'", name
        ) from error
    return plyvel
