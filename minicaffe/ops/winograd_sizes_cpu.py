"""How a convolution by Winograd's method is cut into blocks and shared between workers.

Two ways. Where the transformed weights are the smaller array, all workers share them and each
has its own blocks of tiles from input to output. Where there are fewer tiles than outputs, the
transformed input is shared, and each worker has its own panels of outputs, whose weights it
transforms as it goes: those of 512 channels would fill no cache, and never exist as a whole.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from minicaffe.ops.vectors_cpu import LANES

PARTS = 36  # products, one for each element of a transformed tile
RUN = 7  # tiles laid out at a time: their 30 columns are two blocks of 16
LINE = 32 * LANES  # elements of a row of a strip of tiles
TAPS = 9
CHUNK = 16  # channels of weights laid out at a time: their taps are whole blocks of 16
_STRIP = max(6 * LINE, 2 * CHUNK * TAPS * LANES)
_CACHED = 1 << 19  # elements of a worker's tiles and products: half of them fit an L2 cache
_LEAST, _MOST, _SHARED = 64, 192, 96  # tiles of a block, with weights and with input shared
_PANEL, _SHARED_PANEL = 64, 32  # outputs of a panel
_PARTIAL_SUMS = 1 << 24  # elements that the workers' own sums of gradients may take


class Sizes(NamedTuple):
    """Sizes in elements; numbers alone, for the kernels.

    A worker's space is the strip, the products, then its own weights or sums, and tiles.
    """

    images: int
    groups: int
    c: int  # channels in a group
    o: int  # outputs in a group
    h: int
    w: int
    out_h: int
    out_w: int
    pad_h: int
    pad_w: int
    flip: bool  # the weights are those of the convolution whose data gradient this is
    down: int  # tiles of an image
    along: int
    tiles: int  # of all images
    c16: int  # c and o, rounded up to whole vectors
    o16: int
    shared: bool  # the transformed input is shared
    block: int  # tiles at a time
    panel: int  # outputs at a time
    panels: int  # of a group
    workers: int
    strip: int
    inputs: int  # transformed input of a block; of all tiles of a group if shared
    weights: int  # transformed weights of a panel
    products: int  # of a block and a panel; of gradients alike
    sums: int  # a worker's sums of gradients
    common: int  # what the workers share
    own: int  # what each of them has


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


@lru_cache(maxsize=1024)
def sizes(
    x_shape: tuple[int, ...],
    outputs: int,
    groups: int,
    pad: tuple[int, ...],
    workers: int,
    kind: str,
    shared: bool | None = None,
) -> Sizes:
    """The sizes for an input (N, C, H, W), none empty, and 3x3 weights.

    Args:
        x_shape: of the input.
        outputs: in all groups.
        groups: of channels.
        pad: down and along.
        workers: how many share the work.
        kind: "product", "flipped" product or "gradient" of weights.
        shared: whether the transformed input is shared; None: as there are tiles and outputs.
    """
    images, channels, h, w = x_shape
    c, o = channels // groups, outputs // groups
    out_h, out_w = h + 2 * pad[0] - 2, w + 2 * pad[1] - 2
    down, along = _ceil(out_h, 4), _ceil(out_w, 4)
    tiles, c16, o16 = images * down * along, _ceil(c, LANES) * LANES, _ceil(o, LANES) * LANES
    shared = o > tiles if shared is None else shared

    panel = min(o16, _SHARED_PANEL if shared else _PANEL)
    panels = _ceil(o16, panel)
    sums = PARTS * c * (panel if shared else groups * o16) if kind == "gradient" else 0
    if shared:
        workers, most = min(workers, groups * panels), _SHARED
    else:
        most = max(_LEAST, min(_MOST, _CACHED // (PARTS * (c16 + panel))))
        if kind == "gradient":
            workers = max(1, min(workers, tiles, _PARTIAL_SUMS // sums))
    block = _ceil(tiles, _ceil(_ceil(tiles, most), workers) * workers)

    strip, products = _STRIP, PARTS * block * panel
    inputs, weights = PARTS * (tiles if shared else block) * c16, PARTS * c * panel
    common = groups * inputs if shared else groups * panels * weights
    own = strip + products + (weights if shared else inputs)
    if kind == "gradient":
        common = groups * inputs if shared else 0
        own = strip + products + sums + groups * o16 + (0 if shared else inputs)
    return Sizes(
        images=images,
        groups=groups,
        c=c,
        o=o,
        h=h,
        w=w,
        out_h=out_h,
        out_w=out_w,
        pad_h=pad[0],
        pad_w=pad[1],
        flip=kind == "flipped",
        down=down,
        along=along,
        tiles=tiles,
        c16=c16,
        o16=o16,
        shared=shared,
        block=block,
        panel=panel,
        panels=panels,
        workers=workers,
        strip=strip,
        inputs=inputs,
        weights=weights,
        products=products,
        sums=sums,
        common=common,
        own=own,
    )
