"""The table of ``minicaffe summary``: aligned text for a file or a pipe, rich on a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from minicaffe.errors import did_you_mean
from minicaffe.summary import Check, Match, Row, Summary, shape_text

NONE = "-"
GAP = "  "
ANY = 10_000  # more than any width
# where a cell may be broken, the best last
BREAKS = (r"x(?=\d+(x|$))", r"[/_\-:.]|(?<=[a-z])(?=[A-Z])", " ")


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        header: its title.
        cells: a text for each row, the last one for the total.
        right: aligned on the right, as numbers are.
        short: what to take in its place where there is little room; None: nothing.
        spare: when it may be left out where there is still less: those of 3 first, of 0 never.
        least: how narrow it may be made then, by folding cells, and how narrow if need be.
    """

    header: str
    cells: list[str]
    right: bool = True
    short: Column | None = None
    spare: int = 0
    least: tuple[int, int] = (ANY, ANY)

    @property
    def width(self) -> int:
        """Of its widest line."""
        return max(len(line) for cell in (self.header, *self.cells) for line in cell.split("\n"))


def show(summary: Summary, check: Check | None, *, every: bool, title: str) -> None:
    """Print the table, its totals, and what there is to say about it."""
    from rich.console import Console
    from rich.text import Text

    columns = _columns(summary, summary.rows if every else summary.without_splits())
    notes = [*_totals(summary), *_weight_notes(summary, check), *_guesses(summary)]
    console = Console()
    if not console.is_terminal:
        sys.stdout.write("\n".join([title, "", *_lines(columns), "", *notes, ""]))
        return
    console.print(Text(title, style="bold"), end="\n\n")
    lines = _lines(fitted(columns, console.width))
    for index, line in enumerate(lines):
        strong = index in (0, len(lines) - 1)
        text = Text(line, style="bold" if strong else "")
        text.highlight_words(["MISFIT", "absent"], "bold red")
        console.print(text, soft_wrap=True)
    console.print()
    for note in notes:
        console.print(Text(note))


def _columns(summary: Summary, rows: Sequence[Row]) -> list[Column]:
    def numbers(header: str, name: str, show: Callable[[int], str], spare: int = 0) -> Column:
        values = [*(getattr(row, name) for row in rows), summary.total(name)]
        return Column(header, [show(v) if v else NONE for v in values], spare=spare)

    counts = [f"({row.shared:,})" if row.shared and not row.parameters else "" for row in rows]
    parameters = numbers("parameters", "parameters", "{:,}".format)
    parameters.cells[:-1] = [c or cell for c, cell in zip(counts, parameters.cells, strict=False)]
    work = numbers("multiply-adds", "multiply_adds", "{:,}".format)
    data = numbers("data", "data", memory)
    data.cells[:-1] = [
        "in place" if row.in_place else cell for row, cell in zip(rows, data.cells, strict=False)
    ]
    columns = [
        Column("layer", [*(row.name or '""' for row in rows), "total"], right=False, least=(16, 9)),
        Column("type", [*(row.type for row in rows), ""], right=False, least=(11, 9)),
        Column("output", [*map(_output, rows), ""], right=False, least=(ANY, 9)),
        parameters,
        replace(work, short=numbers("MACs", "multiply_adds", count)),
        replace(data, spare=1),
        numbers("diffs", "diffs", memory, spare=2),
        numbers("weights", "parameter_data", memory, spare=3),
    ]
    return columns if all(row.weights is None for row in rows) else [*columns, *_weights(rows)]


def _weights(rows: Sequence[Row]) -> list[Column]:
    """What the file has for each layer, and how much of it is 0."""
    words, zeros, whole = [], [], [0, 0]
    for row in rows:
        found = row.weights
        words.append(NONE if found is None else _verdict(found))
        zeros.append(_percent(found.zeros, found.count) if found else NONE)
        if found:
            whole = [whole[0] + found.zeros, whole[1] + found.count]
    return [
        Column("in file", [*words, ""]),
        Column("zeros", [*zeros, _percent(*whole)]),
    ]


def _verdict(found: Match) -> str:
    if found.problems:
        return "MISFIT"
    return "ok" if found.count else "absent"


def _percent(part: int, whole: int) -> str:
    if not whole:
        return NONE
    text = f"{100 * part / whole:.1f}%"
    return "<0.1%" if part and text == "0.0%" else text


def _output(row: Row) -> str:
    """The shape of the top; of several, each on a line with its name."""
    if len(row.tops) == 1:
        return shape_text(row.tops[0][1])
    return "\n".join(f"{name} {shape_text(shape)}" for name, shape in row.tops) or NONE


def _totals(summary: Summary) -> list[str]:
    sums = [
        ("data", summary.total("data")),
        ("diffs", summary.total("diffs")),
        ("parameters", summary.total("parameter_data")),
        ("their diffs", summary.total("parameter_diffs")),
    ]
    parts = ", ".join(f"{name} {memory(size)}" for name, size in sums if size)
    lines = [f"memory, {summary.dtype}: {memory(sum(size for _, size in sums))}: {parts}"]
    if summary.batch > 1:
        each = summary.total("multiply_adds") / summary.batch
        source = summary.sources[0][0]
        lines.insert(
            0, f"multiply-adds of one item, of the {summary.batch} in {source!r}: {each:,.0f}"
        )
    if not summary.trains:
        lines.append("no loss reaches anything that learns, so that no diffs are needed")
    if any(row.shared and not row.parameters for row in summary.rows):
        lines.append("(n): parameters shared with a layer above, and counted there")
    return lines


def _weight_notes(summary: Summary, check: Check | None) -> list[str]:
    if check is None:
        return []
    absent = [row.name for row in summary.rows if row.weights == Match()]
    return [
        f"weights: {check.path} ({check.kind})",
        *(f"  does not fit: {line}" for line in summary.misfits),
        *_listed("in the net alone", absent, check.unused),
        *_listed("in the file alone", check.unused, absent),
    ]


def _listed(where: str, names: Sequence[str], others: Sequence[str]) -> list[str]:
    """``names``, those that are nearly the same as one of ``others`` on lines of their own."""
    hints = [(name, _hint(name, others)) for name in names]
    plain = ", ".join(name for name, hint in hints if not hint)
    lines = [f"  {where}: {name}: {hint}" for name, hint in hints if hint]
    return [*lines, f"  {where}: {plain}"] if plain else lines


def _hint(name: str, others: Sequence[str]) -> str:
    hint = did_you_mean(name, others)
    return hint if hint.startswith("did you mean") else ""


def _guesses(summary: Summary) -> list[str]:
    return [
        f"layer {name!r}: shapes from the definition alone, its data cannot be read: {why}"
        for name, why in summary.guessed.items()
    ]


def fitted(columns: Sequence[Column], width: int) -> list[Column]:
    """``columns`` made to fit ``width`` characters, if they can: shortened, left out, folded."""
    columns = list(columns)
    if _width(columns) > width:
        columns = [column.short or column for column in columns]
    if _width(columns) > width:
        columns = [c for c in columns if c.spare < 3 and set(c.cells) != {NONE}]
    for spare in (2, 1):
        if sum(min(c.width, c.least[1]) + len(GAP) for c in columns) - len(GAP) > width:
            columns = [column for column in columns if column.spare < spare]
    widths = [column.width for column in columns]
    for least in range(2):
        while sum(widths) + len(GAP) * (len(widths) - 1) > width:
            room = [w - c.least[least] for w, c in zip(widths, columns, strict=True)]
            if max(room) <= 0:
                break
            widths[room.index(max(room))] -= 1
    return [
        replace(column, cells=[_folded(cell, width) for cell in column.cells])
        for column, width in zip(columns, widths, strict=True)
    ]


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _folded(cell: str, width: int) -> str:
    """``cell`` in lines of ``width`` at most, broken between words where that is not too early."""
    lines = []
    for line in cell.split("\n"):
        while len(line) > width:
            ends = [
                match.end()
                for pattern in BREAKS
                for match in re.finditer(pattern, line)
                if width // 2 < match.end() <= width
            ]
            cut = ends[-1] if ends else width
            lines.append(line[:cut].rstrip())
            line = line[cut:]
        lines.append(line)
    return "\n".join(lines)


def _lines(columns: Sequence[Column]) -> list[str]:
    """The table: its header, a rule, the rows, a rule, the total."""

    def lines(cells: Sequence[str]) -> Iterator[str]:
        for parts in zip_longest(*(cell.split("\n") for cell in cells), fillvalue=""):
            both = zip(columns, parts, strict=True)
            yield GAP.join(p.rjust(c.width) if c.right else p.ljust(c.width) for c, p in both)

    rule = GAP.join("-" * column.width for column in columns)
    rows = list(zip(*(column.cells for column in columns), strict=True))
    body = [line.rstrip() for cells in rows[:-1] for line in lines(cells)]
    header, total = (
        [line.rstrip() for line in lines(cells)]
        for cells in ([c.header for c in columns], rows[-1])
    )
    return [*header, rule, *body, rule, *total]


def memory(size: float) -> str:
    """Bytes as people read them, to three digits: ``1.65 MiB``."""
    return _scaled(size, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))


def count(number: float) -> str:
    """A number to three digits: ``724 M``."""
    return _scaled(number, 1000, ("", "k", "M", "G", "T"))


def _scaled(number: float, step: int, units: Sequence[str]) -> str:
    power = 0
    while round(number) >= 1000 and power < len(units) - 1:
        number, power = number / step, power + 1
    digits = 0 if not power or number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:.{digits}f} {units[power]}".rstrip()
