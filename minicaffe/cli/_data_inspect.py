"""``minicaffe data inspect``: what is in a database, or in a list of images."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.data.entries import Records
    from minicaffe.data.inspection import Findings

EPILOG = """\
All records are read, raw ones checked; pixels are looked at in a sample of about a thousand, and
encoded images decoded in that sample alone, unless --all is given.

examples:
  minicaffe data inspect models/lenet/mnist_train_lmdb
  minicaffe data inspect train_lmdb --all --sheet samples.png --json report.json
  minicaffe data inspect train.txt --root images/

exit code: 0 sound; 1 records are broken, or an error.
"""
RGB_KEY = re.compile(r"\d{5}")  # convert_cifar_data's; convert_imageset's go on with a path


def add_parser(sets: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = sets.add_parser(
        "inspect",
        help="what is in a database, or a list of images",
        description="Print the number of records, their shapes, labels and pixels, and what is "
        "broken.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run_set=run)
    parser.add_argument("db", metavar="DB", help="folder of an LMDB or LevelDB, or a list's file")
    parser.add_argument("--all", action="store_true", help="look at every pixel")
    parser.add_argument("--limit", type=_count, metavar="N", help="look at the first N records")
    parser.add_argument("--root", default="", metavar="DIR", help="put before the list's paths")
    parser.add_argument(
        "--label-dim", type=_count, default=0, metavar="K", help="numbers after the list's paths"
    )
    parser.add_argument("--json", metavar="FILE", help="write JSON to FILE as well; - for stdout")
    sheet = parser.add_argument_group("contact sheet")
    sheet.add_argument("--sheet", metavar="PNG", help="draw samples, a row for each label")
    sheet.add_argument(
        "--columns", type=_count, default=10, metavar="N", help="samples a label (default: 10)"
    )
    sheet.add_argument(
        "--rows", type=_count, default=20, metavar="N", help="labels, from the lowest (default: 20)"
    )
    sheet.add_argument(
        "--order",
        choices=("bgr", "rgb"),
        help="channels of raw records (default: rgb for those of convert_cifar_data, else bgr)",
    )


def run(args: argparse.Namespace) -> int:
    """Print what is found; 1 where something is broken."""
    from minicaffe.cli._counted import counted
    from minicaffe.cli._data_report import report, write_json
    from minicaffe.data.contact_sheet import ContactSheet
    from minicaffe.data.entries import open_records
    from minicaffe.data.inspection import inspect

    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what is broken is listed, with its key
    records = open_records(args.db, args.root, args.label_dim)
    try:
        sheet = None
        if args.sheet:
            _check_folder(args.sheet)
            rgb = _is_rgb(records) if args.order is None else args.order == "rgb"
            sheet = ContactSheet(args.rows, args.columns, rgb=rgb)
        total = min(len(records), args.limit or len(records))
        with counted(Path(args.db).name, total) as show:
            found = inspect(records, limit=args.limit, every=args.all, sheet=sheet, on_read=show)
    finally:
        records.close()
    lines = list(report(found))
    if sheet is not None and found.decoded:
        order = "red, green, blue" if sheet.rgb else "blue, green, red"
        sheet.write(args.sheet, _title(found, args.rows))
        colour = any(shape[0] >= 3 for shape in found.shapes) and found.forms["raw"] > 0
        lines.append(f"sheet     {args.sheet}" + (f", raw channels {order}" if colour else ""))
    if args.json:
        write_json(args.json, found)
    if args.json != "-":
        sys.stdout.write("\n".join([*lines, ""]))
    return 0 if found.is_sound else 1


def _title(found: Findings, rows: int) -> str:
    some = len(found.labels) > rows
    labels = f", the lowest {rows} of {len(found.labels):,} labels" if some else ""
    return f"{Path(found.name).name}: {found.count:,} records{labels}"


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1 up")
    return int(text)


def _check_folder(path: str) -> None:
    """Refuse now what would fail after a long pass."""
    if not Path(path).parent.is_dir():
        raise MinicaffeError(f"cannot write {path}: no folder {Path(path).parent}")


def _is_rgb(records: Records) -> bool:
    key, record = next(iter(records.records()))
    try:
        entry = records.entry(key, record)
        shape = entry.decode().layout[:3] if entry.is_raw else None
    except MinicaffeError:
        return False
    return shape == (3, 32, 32) and bool(RGB_KEY.fullmatch(key.decode("latin1")))
