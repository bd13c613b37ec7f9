"""Text in columns, which looks the same on a terminal, in a pipe and in a log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> Iterator[str]:
    """``rows`` as lines, each column as wide as its widest cell.

    Args:
        rows: of cells; a row may be shorter than others. Its last cell widens no column.
        right: columns whose cells end, not start, in line.
    """
    widths: dict[int, int] = {}
    for row in rows:
        for column, cell in enumerate(row[:-1]):
            widths[column] = max(widths.get(column, 0), len(cell))
    for column in right:
        cells = [len(row[column]) for row in rows if len(row) > column]
        widths[column] = max(cells, default=0)
    for row in rows:
        cells_of_row = [
            cell.rjust(widths.get(column, 0))
            if column in right
            else cell.ljust(widths.get(column, 0))
            for column, cell in enumerate(row)
        ]
        yield "  ".join(cells_of_row).rstrip()
