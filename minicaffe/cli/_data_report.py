"""What ``minicaffe data inspect`` prints, and writes as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.data.inspection import Findings, Spread

SHOWN = 20  # rows of a table
BAR = 40  # characters of the longest bar


def report(found: Findings) -> Iterator[str]:
    """The lines of the screen."""
    yield f"{found.name}: {found.kind}, {found.count:,} records"
    yield f"read      {found.read:,} records, {_size(found.nbytes)}"
    yield f"keys      {found.first} to {found.last}"
    yield f"images    {_forms(found)}"
    yield from _shapes(found)
    yield from _broken(found)
    yield ""
    yield from _pixels(found)
    yield from _labels(found)


def _forms(found: Findings) -> str:
    if not found.forms:
        return "none"
    total = found.forms.total()
    kinds = [
        name if count == total else f"{count:,} {name}" for name, count in found.forms.most_common()
    ]
    return ", ".join(kinds)


def _shapes(found: Findings) -> Iterator[str]:
    of = "" if found.decoded == found.read else f" of {found.decoded:,} decoded"
    if len(found.shapes) == 1:
        yield f"shape     {_shape(next(iter(found.shapes)))}{of}"
    elif found.shapes:
        axes = zip(*found.shapes, strict=True)
        ranges = " x ".join(f"{min(a)} to {max(a)}" if len(set(a)) > 1 else f"{a[0]}" for a in axes)
        yield f"shapes    {len(found.shapes):,} different{of}: {ranges}"
        for shape, count in found.shapes.most_common(SHOWN // 2):
            yield f"          {count:>9,}  {_shape(shape)}"
        yield from _rest(len(found.shapes) - SHOWN // 2, "          ")


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


def _broken(found: Findings) -> Iterator[str]:
    unread = found.read - found.decoded - found.broken_count
    if not found.broken_count:
        far = f" of {found.decoded:,} images decoded (--all: every one)" if unread > 0 else ""
        yield f"broken    none{far}"
    else:
        yield f"BROKEN    {found.broken_count:,} of {found.read:,} records:"
        for key, why in found.broken[:SHOWN]:
            yield f"          {key}: {why}"
        yield from _rest(found.broken_count - SHOWN, "          ")
    if found.stopped:
        yield f"STOPPED   after {found.read:,} of {found.count:,} records: {found.stopped}"


def _pixels(found: Findings) -> Iterator[str]:
    if not found.channels:
        return
    if found.looked < found.read:
        yield f"pixels of {found.looked:,} images (--all: of every one)"
    yield from _table("channel", found.channels)
    yield ""


def _labels(found: Findings) -> Iterator[str]:
    if found.vectors:
        sizes = ", ".join(
            f"{count:,} of {size} values" for size, count in found.vectors.most_common(SHOWN)
        )
        yield f"labels    vectors: {sizes}"
        yield from _table("value", found.columns[:SHOWN])
        yield from _rest(len(found.columns) - SHOWN, "")
    if found.labels:
        yield from _histogram(found)


def _histogram(found: Findings) -> Iterator[str]:
    from minicaffe.data.inspection import MOST

    labels, low, high = found.labels, found.lowest, found.highest
    more = "more than " if len(labels) == MOST else ""
    yield f"labels    {more}{len(labels):,} different, {low:,} to {high:,}{_absent(labels)}"
    many = len(labels) > SHOWN
    rows = sorted(labels.items(), key=lambda each: (-each[1] if many else 0, each[0]))[:SHOWN]
    if many:
        yield "the most frequent:"
    most, total = max(labels.values()), labels.total()
    width = max(len("label"), *(len(str(label)) for label, _ in rows))
    block = _block()
    yield f"{'label':>{width}}  {'records':>9}   share"
    for label, count in rows:
        bar = block * max(1, round(BAR * count / most))
        yield f"{label:>{width}}  {count:>9,}  {count / total:>6.1%}  {bar}"
    if many:
        rest = [count for _, count in labels.most_common()[SHOWN:]]
        yield f"... {len(rest):,} more labels, of {min(rest):,} to {max(rest):,} records"


def _absent(labels: Counter[int]) -> str:
    """The few numbers between the lowest and the highest label that no record has."""
    low, high = min(labels), max(labels)
    gap = high - low + 1 - len(labels)
    if not 0 < gap <= len(labels):
        return ""
    absent = [label for label in range(low, high) if label not in labels]
    text = ", ".join(map(str, absent[:SHOWN])) + (", ..." if len(absent) > SHOWN else "")
    return f"; none has {text}"


def _table(head: str, spreads: list[Spread]) -> Iterator[str]:
    from minicaffe.columns import columns

    rows = [
        (
            str(index),
            *(f"{value:.6g}" for value in (each.low, each.high, each.mean, each.std)),
            f"{each.odd:,} NaN or infinite" if each.odd else "",
        )
        for index, each in enumerate(spreads)
    ]
    yield from columns([(head, "min", "max", "mean", "std", ""), *rows], right=range(5))


def _rest(count: int, indent: str) -> Iterator[str]:
    if count > 0:
        yield f"{indent}... {count:,} more"


def _block() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"


def _size(nbytes: int) -> str:
    from minicaffe.cli._summary_table import memory

    return memory(nbytes)


def write_json(path: str, found: Findings) -> None:
    """Write what is found to the file ``path``; - is stdout.

    Raises:
        MinicaffeError: it cannot be written.
    """

    def spread(each: Spread) -> dict[str, Any]:
        values = {"min": each.low, "max": each.high, "mean": each.mean, "std": each.std}
        return {
            "count": each.count,
            **{name: float(value) if each.count else None for name, value in values.items()},
            "not_finite": each.odd,
        }

    report = {
        "source": found.name,
        "kind": found.kind,
        "records": found.count,
        "read": found.read,
        "bytes": found.nbytes,
        "keys": [found.first, found.last],
        "formats": dict(found.forms),
        "shapes": [
            {"shape": list(shape), "count": count} for shape, count in found.shapes.most_common()
        ],
        "decoded": found.decoded,
        "pixels_of": found.looked,
        "channels": [spread(each) for each in found.channels],
        "labels": {str(label): count for label, count in sorted(found.labels.items())},
        "label_vectors": {str(size): count for size, count in sorted(found.vectors.items())},
        "label_columns": [spread(each) for each in found.columns],
        "broken": found.broken_count,
        "broken_records": [{"key": key, "why": why} for key, why in found.broken],
        "stopped": found.stopped or None,
    }
    text = json.dumps(report, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MinicaffeError(f"cannot write {path}: {error.strerror}") from error
