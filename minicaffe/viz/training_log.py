"""Curves: what a training log says of each iteration, as numbers and as a plot."""

from __future__ import annotations

import re
from collections import defaultdict
from os import PathLike

from minicaffe.errors import MinicaffeError

Curves = dict[str, list[tuple[int, float]]]

_ITERATION = re.compile(r"Iteration (\d+)")
_LOSS = re.compile(r"Iteration \d+.*, loss = (\S+)")
_OUTPUT = re.compile(r"(Train|Test) net output #\d+: (\S+) = (\S+)")
_RATE = re.compile(r"Iteration \d+, lr = (\S+)")


def curves(log: str | PathLike[str]) -> Curves:
    """What a training log says of each iteration: ``loss``, ``lr``, ``train NAME``, ``test NAME``.

    Args:
        log: a file that ``minicaffe train`` or the original wrote; other lines are passed over.

    Raises:
        MinicaffeError: it cannot be read.

    After: tools/extra/parse_log.py. Difference: NaN is a value, too.
    """
    result: Curves = defaultdict(list)
    iteration = 0
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                if match := _ITERATION.search(line):
                    iteration = int(match[1])
                if match := _LOSS.search(line):
                    result["loss"].append((iteration, float(match[1])))
                elif match := _RATE.search(line):
                    result["lr"].append((iteration, float(match[1])))
                elif match := _OUTPUT.search(line):
                    name = f"{match[1].lower()} {match[2]}"
                    result[name].append((iteration, float(match[3])))
    except (OSError, ValueError) as error:
        raise MinicaffeError(f"cannot read {log}: {error}") from error
    return dict(result)


def plot_curves(log: str | PathLike[str], path: str | PathLike[str]) -> None:
    """Plot the ``curves`` of a log: losses above, everything else below; needs matplotlib.

    Raises:
        MinicaffeError: matplotlib is not installed, or the log has no curves.

    After: tools/extra/plot_training_log.py.example.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MinicaffeError(
            "matplotlib is not installed, expected for curves: pip install matplotlib"
        ) from error
    found = curves(log)
    found.pop("lr", None)
    if not found:
        raise MinicaffeError(f"{log} has no line of a loss or an output, expected a training log")
    figure = Figure(figsize=(8, 7), layout="constrained")
    groups = [
        {name: c for name, c in found.items() if "loss" in name},
        {name: c for name, c in found.items() if "loss" not in name},
    ]
    shown = [group for group in groups if group]
    for axes, group in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        for name, points in group.items():
            marker = "." if len(points) < 50 else ""
            axes.plot(*zip(*points, strict=True), label=name, marker=marker)
        axes.set_xlabel("iteration")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path)
