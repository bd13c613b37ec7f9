"""``minicaffe convert_imageset``: a database of the images that a text file lists.

After: tools/convert_imageset.cpp. Differences: see ``minicaffe.data.convert``; and the database
takes its name when it is whole.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.cli import _databases
from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.data.convert import Conversion

_PLACES = ("convert_imageset.cpp:144", "convert_imageset.cpp:153")
EPILOG = """\
LISTFILE has a line "path label" for each image, a path below ROOTFOLDER and a whole number; with
--label_dim K, a path and K numbers. An image that cannot be read ends the conversion with nothing
written, unless --skip-bad is given; Caffe left it out. A conversion that is killed or interrupted
leaves no database; start it again.

examples:
  minicaffe convert_imageset --shuffle --resize_height=256 --resize_width=256 \\
      imagenet/train/ train.txt train_lmdb
  minicaffe convert_imageset --encoded --encode_type jpg images/ list.txt db
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "convert_imageset",
        help="make a database of image files",
        description="Make a database, for a Data layer, of the images that a text file lists.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", metavar="ROOTFOLDER", help="folder of the images; may be ''")
    parser.add_argument("list", metavar="LISTFILE", help="text file with a line for each image")
    parser.add_argument("database", metavar="DB_NAME", help="folder of the database to make")
    _databases.add_switch(parser, "gray", "one channel, not three (blue, green, red)")
    _databases.add_switch(parser, "shuffle", "put them in a random order")
    parser.add_argument(
        "--seed", type=_databases.number, metavar="N", help="of that order (default: a new one)"
    )
    _databases.add_backend(parser, "lmdb")
    for side in ("width", "height"):
        parser.add_argument(
            f"--resize_{side}",
            type=_databases.number,
            default=0,
            metavar="N",
            help=f"scale images to this {side} (default: 0, as they are)",
        )
    _databases.add_switch(parser, "check_size", "refuse images whose size is not the first's")
    _databases.add_switch(parser, "encoded", "write image files, not their pixels")
    parser.add_argument(
        "--encode_type",
        default="",
        metavar="EXT",
        help="format of those files: png, jpg, ... (default: as each image is)",
    )
    parser.add_argument(
        "--label_dim",
        type=_databases.number,
        default=0,
        metavar="K",
        help="numbers, whole or not, after each path (default: 0, for one whole number)",
    )
    _databases.add_switch(parser, "force", "replace a database that is there already")
    _databases.add_common(parser, "decode and encode")


def run(args: argparse.Namespace) -> int:
    """Convert."""
    from minicaffe.data.convert import convert, read_entries, shuffled
    from minicaffe.data.prefetch import cores
    from minicaffe.data.thread_map import BadItems

    conversion = _conversion(args)
    _databases.check_free(args.database, force=args.force)
    bad = BadItems("io.cpp:82", skip=args.skip_bad)
    entries = read_entries(args.list, args.label_dim, bad)
    listed = len(entries) + bad.count
    entries = _databases.in_order(args, entries, shuffled, "convert_imageset.cpp:83")
    glog.info("convert_imageset.cpp:86", f"A total of {len(entries)} images.")
    if args.encode_type and not args.encoded:
        glog.info("convert_imageset.cpp:89", "encode_type specified, assuming encoded=true.")
    records = convert(
        entries, conversion, bad, threads=args.threads or cores(), check_size=args.check_size
    )
    _databases.write(args, records, len(entries), _PLACES)
    if args.skip_bad:
        glog.info("convert_imageset.cpp:160", f"Skipped {bad.count} of {listed} images, see above")
    return 0


def _conversion(args: argparse.Namespace) -> Conversion:
    from minicaffe.data.convert import Conversion

    height, width = _databases.resize_of(args)
    encode_type = args.encode_type.lower().removeprefix(".")
    if encode_type:
        _check_format(encode_type)
    return Conversion(
        args.list,
        root=args.root,
        gray=args.gray,
        size=(height, width) if height else None,
        encoded=args.encoded or bool(encode_type),
        encode_type=encode_type,
        label_dim=args.label_dim,
    )


def _check_format(extension: str) -> None:
    import cv2

    if not cv2.haveImageWriter(f".{extension}"):
        raise MinicaffeError(
            f"encode_type is {extension!r}, expected a format that OpenCV can write: png, jpg, ..."
        )
