"""Average precision: by hand, in all versions, and in the test of a solver."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.average_precision import (
    DetectionScore,
    average_precision,
    average_precisions,
)
from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver

SCORES = np.array([0.5, 0.9, 0.8, 0.7, 0.6])
RIGHT = np.array([False, True, False, True, True])
# from the best score down: precision 1, 1/2, 2/3, 3/4, 3/5, recall 1/4, 1/4, 1/2, 3/4, 3/4 of 4


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("Integral", (1 + 2 / 3 + 3 / 4) / 4),
        ("MaxIntegral", (1 + 3 / 4 + 3 / 4) / 4),
        ("11point", (3 * 1 + 5 * 3 / 4) / 11),  # recall of 0, 0.1, 0.2; of 0.3 to 0.7
    ],
)
def test_by_hand(version, expected):
    assert average_precision(SCORES, RIGHT, 4, version) == pytest.approx(expected)
    assert average_precision(SCORES, ~RIGHT & False, 4, version) == 0
    assert average_precision(SCORES[:0], RIGHT[:0], 4, version) == 0
    assert average_precision(SCORES, RIGHT | True, 5, version) == pytest.approx(1)


def test_a_recall_that_is_met_exactly_counts():
    scores, right = np.arange(10.0)[::-1], np.ones(10, bool)
    assert average_precision(scores, right, 10, "11point") == pytest.approx(1)
    assert average_precision(scores[:3], right[:3], 10, "11point") == pytest.approx(4 / 11)


def test_classes():
    rows = np.array(
        [
            [-1, 1, 1, -1, -1],
            [-1, 2, 0, -1, -1],
            [-1, 3, 2, -1, -1],
            [0, 1, 0.5, 1, 0],
            [0, 2, 0.9, 0, 1],  # of a class without objects
            [1, 1, 0.9, 0, 0],  # on a difficult one
            [-1, 1, 1, -1, -1],  # the next batch
            [-1, 3, 0, -1, -1],
            [0, 1, 0.7, 0, 1],
        ]
    )
    assert average_precisions(rows) == {1: pytest.approx(0.25), 3: 0}


FOUND = """layer { name: "found" type: "DummyData" top: "found" top: "objects" top: "x"
  dummy_data_param {
    shape { dim: [1, 1, 2, 7] } shape { dim: [1, 1, 1, 8] } shape { dim: [1, 3] }
    data_filler { value: 1 } data_filler { value: 1 } data_filler { value: 4 } } }
layer { name: "rows" type: "DetectionEvaluate" bottom: "found" bottom: "objects" top: "rows"
        detection_evaluate_param { num_classes: 3 } include { phase: TEST } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 1
        weight_filler { type: "xavier" } } }
"""


def solver(fields=""):
    param = SolverParameter(type="SGD", lr_policy="fixed", base_lr=0.1, display=0, test_interval=1)
    text_format.Parse(FOUND, param.net_param)
    param.test_iter.append(3)
    param.snapshot_after_train = False
    return Solver(text_format.Merge(fields, param))


def fill(made):
    """Objects: one of class 1 in each of three batches; it is found first, and once more."""
    net = made.test_nets[0]
    row = np.array([0, 1, 0.9, 0.1, 0.1, 0.5, 0.5])
    net.blobs["found"].data[0, 0] = [row, row * [1, 1, 0.5, 1, 1, 1, 1]]
    net.blobs["objects"].data[0, 0] = [0, 1, 0, 0.1, 0.1, 0.5, 0.5, 0]
    return made


def test_a_solver_tests_by_it(caplog):
    fields = 'eval_type: "detection" ap_version: "11point" show_per_class_result: true'
    made = fill(solver(fields))
    with caplog.at_level("INFO", "minicaffe"):
        result = made.test()
    made.close()
    assert result["rows"] == pytest.approx(1)
    assert "y" in result
    lines = [each.getMessage() for each in caplog.records]
    assert "class1: 1" in lines
    assert any("Test net output #0: rows = 1" in line for line in lines)
    assert not any("class2" in line for line in lines)  # there is none of it


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ('eval_type: "segmentation"', "eval_type is 'segmentation', expected 'classification'"),
        ('ap_version: "12point"', "ap_version is '12point', expected Integral"),
    ],
)
def test_refuses(fields, says):
    with pytest.raises(SolverConfigError, match=says):
        solver(fields)


def test_batches_may_differ_in_length():
    made = fill(solver('eval_type: "detection"'))
    score = DetectionScore(made.test_nets[0])
    score.run_batch()
    rows = score._rows["rows"][0]
    score._rows["rows"].append(rows[:1])
    assert score.first()["rows"] == pytest.approx(0.5)  # two objects, one found
    made.close()
