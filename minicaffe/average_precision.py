"""Mean average precision: how well a net finds objects, over all batches of a test.

Of each class, boxes come from the best score down; after each, precision is the share of right
ones among them, recall the share of all objects that they have found. The average precision is

    Integral     the sum of precision times growth of recall
    MaxIntegral  the same, with the largest precision from there on (VOC from 2010 on)
    11point      the mean of the largest precision at a recall of 0, 0.1, ... 1 or more (VOC 2007)

and the mean is over the classes that have objects.

After: Everingham, Van Gool, Williams, Winn, Zisserman, "The Pascal visual object classes (VOC)
challenge", 2010, section 4.2, and the solver of SSD's fork of Caffe. Differs: a class without
objects does not count, where it counts as 0 there, and so do wrong boxes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from minicaffe import glog
from minicaffe.blob_proto import HostArray
from minicaffe.errors import SolverConfigError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.score import Score

ROW = 5  # image, class, score, right, wrong; or -1, class, how many objects, -1, -1


def _integral(precision: HostArray, recall: HostArray) -> float:
    return float((precision * np.diff(recall, prepend=0)).sum())


def _max_integral(precision: HostArray, recall: HostArray) -> float:
    return _integral(_largest_from(precision), recall)


def _eleven_points(precision: HostArray, recall: HostArray) -> float:
    largest = np.append(_largest_from(precision), 0)
    places = np.searchsorted(recall, np.arange(11) / 10 - 1e-9)
    return float(largest[places].mean())


def _largest_from(values: HostArray) -> HostArray:
    result: HostArray = np.maximum.accumulate(values[::-1])[::-1]
    return result


VERSIONS: dict[str, Callable[[HostArray, HostArray], float]] = {
    "Integral": _integral,
    "MaxIntegral": _max_integral,
    "11point": _eleven_points,
}


def average_precision(
    scores: HostArray, right: HostArray, objects: int, version: str = "Integral"
) -> float:
    """The average precision of one class; 0 where nothing is found.

    Args:
        scores: (D,), of boxes that are right or wrong; equal ones count in their order.
        right: (D,) bool.
        objects: how many there are to be found, at least 1.
        version: one of ``VERSIONS``.
    """
    if not len(scores):
        return 0.0
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")])
    precision = hits / np.arange(1, len(hits) + 1)
    return VERSIONS[version](precision, hits / objects)


def average_precisions(rows: HostArray, version: str = "Integral") -> dict[int, float]:
    """Class to average precision, of the classes that have objects.

    Args:
        rows: (R, 5), as DetectionEvaluate makes them, of any number of batches.
        version: one of ``VERSIONS``.
    """
    totals, boxes = rows[rows[:, 0] == -1], rows[rows[:, 0] != -1]
    boxes = boxes[(boxes[:, 3] > 0) | (boxes[:, 4] > 0)]  # the others do not count
    result = {}
    for label in np.unique(totals[:, 1]):
        objects = int(totals[totals[:, 1] == label, 2].sum())
        if objects:
            own = boxes[boxes[:, 1] == label]
            result[int(label)] = average_precision(own[:, 2], own[:, 3] > 0, objects, version)
    return result


class DetectionScore(Score):
    """A score in which rows of detections make a mean average precision.

    Args:
        net: what is scored; its outputs of five columns are such rows.
        version: one of ``VERSIONS``.
        show_classes: log that of each class too.
    """

    def __init__(self, net: Net, version: str = "Integral", *, show_classes: bool = False) -> None:
        super().__init__(net)
        self._version, self._show_classes = version, show_classes
        self._rows: dict[str, list[HostArray]] = {}

    def take(self, values: dict[str, HostArray]) -> dict[str, HostArray]:
        """Keep the rows of detections; the other values have a mean."""
        shapes = {name: self.net.blobs[name].shape for name in values}
        rows = {name for name, shape in shapes.items() if len(shape) == 4 and shape[-1] == ROW}
        for name in rows:
            self._rows.setdefault(name, []).append(values[name].reshape(-1, ROW).copy())
        return {name: value for name, value in values.items() if name not in rows}

    def precisions(self) -> dict[str, dict[int, float]]:
        """Of each such output, class to average precision."""
        return {
            name: average_precisions(np.concatenate(rows), self._version)
            for name, rows in self._rows.items()
        }

    def elements(self) -> Iterator[tuple[str, float, float]]:
        """Name, mean and loss weight: first of detections, then of the other outputs."""
        found = self.precisions()
        for name in found:
            yield name, self._mean(found[name]), self.net.loss_weights.get(name, 0.0)
        yield from super().elements()

    def first(self) -> dict[str, float]:
        """The mean of each output; of a vector, of its first element."""
        means = {name: self._mean(found) for name, found in self.precisions().items()}
        return {**means, **super().first()}

    def log_details(self) -> None:
        """Log the average precision of each class, if asked for."""
        for found in self.precisions().values() if self._show_classes else ():
            for label, value in found.items():
                glog.info("solver.cpp:540", f"class{label}: {glog.number(value)}")

    def _mean(self, found: dict[int, float]) -> float:
        return sum(found.values()) / len(found) if found else 0.0


def make_score(param: SolverParameter, net: Net) -> Score:
    """What scores a test of ``net``, as ``eval_type`` says.

    Raises:
        SolverConfigError: as ``check_eval``.
    """
    check_eval(param)
    if param.eval_type == "detection":
        return DetectionScore(net, param.ap_version, show_classes=param.show_per_class_result)
    return Score(net)


def check_eval(param: SolverParameter) -> None:
    """Refuse an ``eval_type`` or an ``ap_version`` that there is not.

    Raises:
        SolverConfigError: one of them is another.
    """
    if param.eval_type not in ("classification", "detection"):
        raise SolverConfigError(
            f"eval_type is {param.eval_type!r}, expected 'classification' or 'detection'"
        )
    if param.ap_version not in VERSIONS:
        raise SolverConfigError(
            f"ap_version is {param.ap_version!r}, expected {' or '.join(VERSIONS)}"
        )
