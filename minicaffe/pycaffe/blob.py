"""``Blob`` and ``BlobVec``: the classes that a user's layers are given too."""

from minicaffe.user_blob import Blob, BlobVec

__all__ = ["Blob", "BlobVec"]
