"""``minicaffe compute_image_mean``: the mean image of a database.

After: tools/compute_image_mean.cpp. Differences: see ``minicaffe.data.image_mean``; what the
database is need not be said.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.cli import _databases

if TYPE_CHECKING:
    from minicaffe.data.image import HostArray
    from minicaffe.data.source import Source

REPORT = 10_000  # images between lines of the log
EPILOG = """\
OUTPUT_FILE is what transform_param { mean_file: "..." } names. The means of the channels, for
mean_value, go to the log, those of a BGR image in the order blue, green, red.

example: minicaffe compute_image_mean train_lmdb mean.binaryproto
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "compute_image_mean",
        help="compute the mean image of a database",
        description="Compute the mean of all images of a database, which have one size.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("database", metavar="INPUT_DB", help="folder of the database")
    parser.add_argument(
        "output", nargs="?", metavar="OUTPUT_FILE", help="file to write, a .binaryproto"
    )
    _databases.add_backend(parser, None)
    _databases.add_common(parser, "decode")


def run(args: argparse.Namespace) -> int:
    """Compute the mean, write it and log that of each channel."""
    from minicaffe.data.image_mean import write_mean

    with closing(_databases.open_any(args.database, args.backend)) as source:
        mean = _mean(source, args)
    if args.output:
        glog.info("compute_image_mean.cpp:108", f"Write to {args.output}")
        write_mean(args.output, mean)
    glog.info("compute_image_mean.cpp:114", f"Number of channels: {len(mean)}")
    for channel, values in enumerate(mean):
        value = glog.number(float(values.mean(dtype=float)))
        glog.info("compute_image_mean.cpp:119", f"mean_value channel [{channel}]: {value}")
    return 0


def _mean(source: Source[bytes], args: argparse.Namespace) -> HostArray:
    from minicaffe.data.datum import DatumDecoder
    from minicaffe.data.image_mean import ImageMean
    from minicaffe.data.prefetch import cores
    from minicaffe.data.thread_map import BadItems, thread_map
    from minicaffe.proto.minicaffe_pb2 import TransformationParameter

    decode = DatumDecoder(source.name, TransformationParameter())
    bad = BadItems("compute_image_mean.cpp:76", skip=args.skip_bad)
    total = ImageMean(source.name)
    glog.info("compute_image_mean.cpp:70", "Starting iteration")
    records = islice(source.records(0), len(source))
    images = thread_map(
        lambda item: (item[0], decode(*item)),
        records,
        args.threads or cores(),
        bad,
        lambda item: len(item[1].data),
    )
    with _databases.counting("images", len(source)) as advance, closing(images):
        for key, image in images:
            total.add(key, image)
            advance()
            if total.count % REPORT == 0:
                glog.info("compute_image_mean.cpp:95", f"Processed {total.count} files.")
    if total.count % REPORT:
        glog.info("compute_image_mean.cpp:101", f"Processed {total.count} files.")
    if args.skip_bad:
        glog.info(
            "compute_image_mean.cpp:102", f"Skipped {bad.count} of {len(source)} images, see above"
        )
    return total.mean()
