"""How a convolution is cut into blocks that fit a core's cache, and shared between workers."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from minicaffe.ops.convolution import Window

_COLUMNS = 1 << 16  # elements that a block's columns may take: a fraction of an L2 cache
_DEPTH = 64  # of a product's sums, that a slice of the channels should give
_POSITIONS = 256  # of a block in backward: the depth of the sums for the weights' gradient
_POSITIONS_1X1 = 1024  # the same for a 1x1 kernel, of which columns take little
_FORWARD_1X1 = 256  # positions of a block in forward, where the input is its own columns
_FEW_POSITIONS = 48  # below which, in forward, the product for one image is too narrow
_LEAST_CHANNELS = 128  # of a worker, where workers divide those of a 1x1 kernel
_PARTIAL_SUMS = 1 << 24  # elements that the workers' own sums of the weights' gradient may take


class Blocks(NamedTuple):
    """Sizes of a convolution and of its blocks, in elements; numbers alone, for the kernels.

    A block is some output rows of an image, or several images whole where one is small. In it
    the channels come in slices, whose columns fill the work space one after the other.
    """

    images: int
    groups: int
    c: int  # channels in a group
    o: int  # outputs in a group
    h: int
    w: int
    out_h: int
    out_w: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    bare: bool  # the input is its own columns
    thin: bool  # a 1x1 kernel without pad
    shifts: int  # kernel rows that use the same columns, each one step further down
    rows: int  # kernel rows with columns of their own; shifts * rows is the kernel's height
    halo: int  # rows that the columns of a block have more than the block
    block_images: int
    block_rows: int
    block_c: int
    block_o: int  # in forward; in backward all
    shares_n: int  # backward: parts of the batch, each with sums of the weights' gradient
    shares_c: int  # and of the channels; there is a worker for each pair of the two
    direct: bool  # backward: there are no such sums, since one part is all
    columns: int  # elements of work space for the columns of a worker
    space: int  # and for a worker in all
    weights: int  # number of them
    units: int  # forward: number of blocks


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _even(length: int, most: int) -> int:
    """Size of the pieces, of at most ``most``, that ``length`` falls into about evenly."""
    return _ceil(length, _ceil(length, max(1, min(most, length))))


def _divisor(number: int, most: int) -> int:
    """The largest divisor of ``number``, of at most ``most``, or 1."""
    return max(n for n in range(1, number + 1) if number % n == 0 and n <= max(1, most))


@lru_cache(maxsize=1024)
def blocks(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    workers: int,
    backward: bool,
) -> Blocks:
    """The blocks for an input (N, C, H, W) and weights (O, C / groups, KH, KW), none empty.

    In backward a worker has whole images, since the blocks of one overlap in the input, and
    sums of its own for the weights' gradient. Where there are too few images, or too many
    weights for that, workers divide the channels instead; and where a 1x1 kernel has many, since
    then all of a worker's sums are made in the gradient itself.
    """
    images, channels, h, w = x_shape
    outputs, c, kernel_h, kernel_w = w_shape
    groups, weights = channels // c, outputs * c * kernel_h * kernel_w
    out_h, out_w = window.out((h, w))
    o = outputs // groups
    thin = (kernel_h, kernel_w, *window.pad) == (1, 1, 0, 0)
    bare = thin and window.stride == (1, 1)
    if bare:  # where a row ends does not matter; backward, columns of several small images pay
        bare = not backward or h * w >= _POSITIONS
        h, w = out_h, out_w = (h * w, 1) if bare else (1, h * w)
    shifts, rows = (kernel_h, 1) if window.stride[0] == 1 else (1, kernel_h)
    halo, taps = (shifts - 1) * window.dilation[0], rows * kernel_w

    shares_c = _divisor(workers, channels // _LEAST_CHANNELS) if backward and thin else 1
    shares_n = workers // shares_c
    if backward and (images < shares_n or shares_n * weights > _PARTIAL_SUMS):
        shares_c = min(workers, channels)
        shares_n = min(images, workers // shares_c)
    most_c = min(c, max(1, channels // shares_c))

    few = (_POSITIONS_1X1 if thin else _POSITIONS) if backward else _FEW_POSITIONS
    block_images, block_rows, block_c = 1, out_h, min(most_c, _ceil(_DEPTH, taps))
    if bare:
        most = _POSITIONS_1X1 if backward else _FORWARD_1X1
        block_rows, block_c = min(out_h, _ceil(_even(out_h, most), 16) * 16), most_c
    elif out_h * out_w < few:
        block_images = _even(_ceil(images, shares_n), _ceil(few, out_h * out_w))
    if not bare and block_images == 1:
        block_rows = _even(out_h, _COLUMNS // (block_c * taps * out_w) - halo)

    block_o = o
    if not backward and images * groups < workers:
        parts = _ceil(workers, images * groups)
        block_rows = min(block_rows, _ceil(out_h, parts))
        block_o = _even(o, _ceil(o, _ceil(parts, _ceil(out_h, block_rows))))

    line = (block_rows + halo) * block_images * out_w
    if not bare:
        block_c = _even(most_c, _COLUMNS // (taps * line))
    columns = 0 if bare else block_c * taps * line
    gathered = o * block_rows * block_images * out_w if block_images > 1 else 0
    units = groups * _ceil(o, block_o) * _ceil(images, block_images) * _ceil(out_h, block_rows)
    return Blocks(
        images=images,
        groups=groups,
        c=c,
        o=o,
        h=h,
        w=w,
        out_h=out_h,
        out_w=out_w,
        kernel_w=kernel_w,
        stride_h=window.stride[0],
        stride_w=window.stride[1],
        pad_h=window.pad[0],
        pad_w=window.pad[1],
        dilation_h=window.dilation[0],
        dilation_w=window.dilation[1],
        bare=bare,
        thin=thin,
        shifts=shifts,
        rows=rows,
        halo=halo,
        block_images=block_images,
        block_rows=block_rows,
        block_c=block_c,
        block_o=block_o,
        shares_n=shares_n,
        shares_c=shares_c,
        direct=backward and shares_n == 1 and shifts == 1,
        columns=columns,
        space=_ceil(columns + gathered, 16) * 16,
        weights=weights,
        units=units,
    )
