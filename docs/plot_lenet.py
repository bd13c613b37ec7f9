"""Draw README's picture: loss and test accuracy out of two training logs, ours and the original's.

    python docs/plot_lenet.py minicaffe.log ../shared/golden/lenet/train.log docs/lenet.svg

Needs matplotlib.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

mpl.use("Agg")
mpl.rcParams["svg.fonttype"] = "none"  # text stays text
NUMBER = r"([-+.\deE]+)"


def read(path: str) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """(iteration, loss) of each display and (iteration, accuracy) of each test in a log."""
    losses, accuracies, iteration = [], [], 0
    for line in Path(path).read_text().splitlines():
        if found := re.search(rf"Iteration (\d+).*loss = {NUMBER}", line):
            losses.append((int(found[1]), float(found[2])))
        if found := re.search(r"Iteration (\d+), Testing net", line):
            iteration = int(found[1])
        if found := re.search(rf"Test net output #0: accuracy = {NUMBER}", line):
            accuracies.append((iteration, float(found[1])))
    return losses, accuracies


def main(mine: str, theirs: str, out: str) -> None:
    """Two curves a log: the loss as displayed, and the error of each test in per cent."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for path, name, colour, width in (
        (theirs, "Caffe", "#999999", 2.5),
        (mine, "minicaffe", "#c0392b", 1.1),
    ):
        losses, accuracies = read(path)
        since = f" (log from {losses[0][0]} on)" if losses[0][0] else ""
        left.plot(*zip(*losses, strict=True), color=colour, lw=width, label=name + since)
        errors = [(i, 100 * (1 - accuracy)) for i, accuracy in accuracies if i]
        final = f"{name}: {100 * accuracies[-1][1]:.2f} % right at the end"
        right.plot(*zip(*errors, strict=True), color=colour, lw=width, marker=".", label=final)
    left.set(yscale="log", xlabel="iteration", title="training loss")
    right.set(xlabel="iteration", title="test images wrong, %", ylim=(0, None))
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
