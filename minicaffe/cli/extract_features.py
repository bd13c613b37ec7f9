"""``minicaffe extract_features``: what blobs of a trained net hold, as databases.

After: tools/extract_features.cpp. Difference: databases that are there are not written over, and
new ones take their names when they are whole.
"""

from __future__ import annotations

import argparse
from typing import Any

from minicaffe.cli import _databases, _flags
from minicaffe.errors import MinicaffeError

EPILOG = """\
Item n of the i-th blob becomes the record %010d of the i-th database: a Datum whose float_data are
its values; it has no label. The net is run in the TEST phase, on batches of its own data layer.

example:
  minicaffe extract_features net.caffemodel net.prototxt fc7,prob fc7_db,prob_db 10 lmdb GPU
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "extract_features",
        help="write what blobs of a net hold to databases",
        description="Run a trained net, and write what some of its blobs hold to databases.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="trained weights, in any format")
    parser.add_argument("model", metavar="NET", help="the net's definition, a prototxt")
    parser.add_argument("blobs", metavar="BLOB1[,BLOB2...]", help="names of the blobs")
    parser.add_argument("databases", metavar="DB1[,DB2...]", help="a database to make for each")
    parser.add_argument(
        "batches", metavar="NUM_MINI_BATCHES", type=_flags.positive, help="how often to run the net"
    )
    parser.add_argument(
        "backend",
        metavar="DB_TYPE",
        type=str.lower,
        choices=("lmdb", "leveldb"),
        help="kind of the databases: lmdb or leveldb",
    )
    parser.add_argument(
        "mode",
        nargs="?",
        type=str.upper,
        choices=("CPU", "GPU"),
        metavar="CPU/GPU",
        help="on what to compute (default: CPU)",
    )
    parser.add_argument(
        "device_id",
        nargs="?",
        type=_device_id,
        metavar="DEVICE_ID=0",
        help="which GPU, as 0 or DEVICE_ID=0",
    )
    _databases.add_switch(parser, "force", "replace databases that are there already")
    _flags.add_lenient(parser)
    _flags.add_state(parser)
    _flags.add_machine(parser)


def run(args: argparse.Namespace) -> int:
    """Extract."""
    names, paths = _flags.comma_list(args.blobs), _flags.comma_list(args.databases)
    _check(names, paths)
    args.gpu = _gpu(args)
    for path in paths:
        _databases.check_free(path, force=args.force)
    _flags.apply_lenient(args)

    from minicaffe.buffers import share_data
    from minicaffe.cli._device import device_for
    from minicaffe.features import check_blobs, extract_features
    from minicaffe.net import Net, closing
    from minicaffe.proto.files import open_file
    from minicaffe.proto.minicaffe_pb2 import TEST
    from minicaffe.proto.text import read_net
    from minicaffe.weights import load_weights

    definition = read_net(args.model, phase=TEST)
    definition.state.phase = TEST
    _flags.apply_state(args, definition.state)
    open_file(args.weights).close()  # if it is missing, say so before the net is built
    device = device_for(args, where="extract_features.cpp:66")
    _flags.use_threads(args.threads, deterministic=args.deterministic)
    net = Net(definition, definition.state, device)
    with closing(net):
        check_blobs(net, names)
        share_data(net, names)
        load_weights(net, args.weights)
        with _databases.counting("batches", args.batches) as advance:
            extract_features(
                net, names, paths, args.batches, backend=args.backend, on_batch=advance
            )
    return 0


def _check(names: list[str], paths: list[str]) -> None:
    if not names or len(names) != len(paths):
        raise MinicaffeError(
            f"{len(names)} blob(s) and {len(paths)} database(s) are named, expected as many of "
            "one as of the other, each list with commas and without spaces"
        )
    if len(set(paths)) < len(paths):
        raise MinicaffeError(f"databases are {', '.join(paths)}, expected each once")


def _gpu(args: argparse.Namespace) -> str | None:
    """The GPU that is asked for, in the original's way or by ``--gpu``."""
    if args.mode is None:
        return args.gpu  # type: ignore[no-any-return]
    if args.gpu:
        raise MinicaffeError(f"{args.mode} and --gpu {args.gpu} are both given, expected one")
    return str(args.device_id or 0) if args.mode == "GPU" else None


def _device_id(text: str) -> int:
    return _databases.number(text.removeprefix("DEVICE_ID="))
