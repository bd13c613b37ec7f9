"""``minicaffe convert_annoset``: a database of images with objects, for AnnotatedData.

After: tools/convert_annoset.cpp of SSD's fork. Differences: see
``minicaffe.data.annotated.convert``; and the database takes its name when it is whole.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.cli import _databases
from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.data.annotated.convert import AnnotatedConversion

_PLACES = ("convert_annoset.cpp:1",) * 2
EPILOG = """\
LISTFILE has a line "image annotation" for each image, both paths below ROOTFOLDER; with
--anno_type classification, "image label". An image or an annotation that cannot be read ends the
conversion with nothing written, unless --skip-bad is given.

example:
  minicaffe convert_annoset --label_map_file labelmap_voc.prototxt --encoded --encode_type jpg \\
      VOCdevkit/ trainval.txt trainval_lmdb
"""
NUMBERS = {
    "min_dim": "scale the shorter side to this, keeping the aspect (default: 0, as it is)",
    "max_dim": "and the longer one to at most this (default: 0, any)",
    "resize_width": "scale images to this width (default: 0, as they are)",
    "resize_height": "scale images to this height (default: 0, as they are)",
}


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "convert_annoset",
        help="make a database of images and the boxes in them",
        description="Make a database, for an AnnotatedData layer, of the images and annotations "
        "that a text file lists.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", metavar="ROOTFOLDER", help="folder of the files; may be ''")
    parser.add_argument("list", metavar="LISTFILE", help="text file with a line for each image")
    parser.add_argument("database", metavar="DB_NAME", help="folder of the database to make")
    parser.add_argument(
        "--anno_type",
        choices=("detection", "classification"),
        default="detection",
        help="what is known of an image: boxes, or a label (default: detection)",
    )
    parser.add_argument(
        "--label_type",
        choices=("xml", "json", "txt"),
        default="xml",
        help="format of the annotations: VOC's, COCO's, or lines of label and box (default: xml)",
    )
    parser.add_argument(
        "--label_map_file", metavar="FILE", help="prototxt of a LabelMap: the classes' names"
    )
    _databases.add_switch(parser, "check_label", "refuse a label map that has a name twice")
    _databases.add_switch(parser, "gray", "one channel, not three (blue, green, red)")
    _databases.add_switch(parser, "shuffle", "put them in a random order")
    parser.add_argument(
        "--seed", type=_databases.number, metavar="N", help="of that order (default: a new one)"
    )
    _databases.add_backend(parser, "lmdb")
    for name, what in NUMBERS.items():
        parser.add_argument(f"--{name}", type=_databases.number, default=0, metavar="N", help=what)
    _databases.add_switch(parser, "check_size", "refuse images whose size is not the first's")
    _databases.add_switch(parser, "encoded", "write image files, not their pixels")
    parser.add_argument(
        "--encode_type",
        default="",
        metavar="EXT",
        help="format of those files: png, jpg, ... (default: as each image is)",
    )
    _databases.add_switch(parser, "force", "replace a database that is there already")
    _databases.add_common(parser, "decode and encode")


def run(args: argparse.Namespace) -> int:
    """Convert."""
    from minicaffe.data.annotated.convert import (
        convert_annotated,
        read_annotated_entries,
        shuffled,
    )
    from minicaffe.data.prefetch import cores
    from minicaffe.data.thread_map import BadItems

    conversion = _conversion(args)
    _databases.check_free(args.database, force=args.force)
    bad = BadItems("io.cpp:82", skip=args.skip_bad)
    entries = read_annotated_entries(args.list, conversion.kind, bad)
    entries = _databases.in_order(args, entries, shuffled, "convert_annoset.cpp:1")
    glog.info("convert_annoset.cpp:1", f"A total of {len(entries)} images.")
    records = convert_annotated(
        entries, conversion, bad, threads=args.threads or cores(), check_size=args.check_size
    )
    _databases.write(args, records, len(entries), _PLACES)
    if args.skip_bad:
        glog.info("convert_annoset.cpp:1", f"Skipped {bad.count} images or lines, see above")
    return 0


def _conversion(args: argparse.Namespace) -> AnnotatedConversion:
    from minicaffe.data.annotated.convert import AnnotatedConversion
    from minicaffe.data.convert import Conversion

    height, width = _databases.resize_of(args)
    kind = args.label_type if args.anno_type == "detection" else ""
    encode_type = args.encode_type.lower().removeprefix(".")
    images = Conversion(
        args.list,
        root=args.root,
        gray=args.gray,
        size=(height, width) if height else None,
        encoded=args.encoded or bool(encode_type),
        encode_type=encode_type,
    )
    labels = _labels(args, kind)
    return AnnotatedConversion(images, kind, labels, args.min_dim, args.max_dim)


def _labels(args: argparse.Namespace, kind: str) -> dict[str, int]:
    """Name to label of each class; where a name comes twice, the first."""
    if kind not in ("xml", "json"):
        return {}
    if not args.label_map_file:
        raise MinicaffeError(f"--label_map_file is not given, expected with {kind}: it has names")
    from minicaffe.boxes.label_map import read_label_map

    labels: dict[str, int] = {}
    for label, name in read_label_map(args.label_map_file).items():
        if name in labels and args.check_label:
            raise MinicaffeError(f"{args.label_map_file}: {name!r} is found twice, expected once")
        labels.setdefault(name, label)
    return labels
