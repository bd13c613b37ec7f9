"""What ``minicaffe classify`` is given: an image, a folder of them, or an array in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minicaffe.errors import DataError
from minicaffe.glog import logger

if TYPE_CHECKING:
    from minicaffe.blob_proto import HostArray


class Inputs(NamedTuple):
    """Images, loaded when they are asked for.

    Attributes:
        names: to show.
        load: the image of an index, (H, W, K); in colour if that is wanted.
    """

    names: list[str]
    load: Callable[[int, bool], HostArray]


def find_inputs(name: str, extension: str) -> Inputs:
    """What ``name`` is: an image, a folder of files with ``extension``, or a ``.npy`` file.

    Raises:
        DataError: none of them, or it holds no images.
    """
    path = Path(name).expanduser()
    if path.suffix == ".npy":
        return _array(path)
    if path.is_dir():
        logger.info(f"Loading folder: {path}")
        ending = f".{extension.removeprefix('.')}".lower()
        files = sorted(str(each) for each in path.iterdir() if each.suffix.lower() == ending)
        if not files:
            raise DataError(f"has no file *{ending}: --ext says which are images", str(path))
    else:
        logger.info(f"Loading file: {path}")
        files = [str(path)]

    def load(index: int, color: bool) -> HostArray:
        from minicaffe.io import load_image

        return load_image(files[index], color)

    if len(files) == 1:
        load(0, True)  # if it is missing, say so before the net is built
    return Inputs(files, load)


def _array(path: Path) -> Inputs:
    import numpy as np

    logger.info(f"Loading file: {path}")
    try:
        array = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"cannot be read: {error}", str(path)) from error
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or not len(array):
        raise DataError(
            f"holds an array of shape {array.shape}, expected (N, H, W, K): images", str(path)
        )
    names = [f"{path} [{index}]" for index in range(len(array))]
    return Inputs(names, lambda index, color: array[index])
