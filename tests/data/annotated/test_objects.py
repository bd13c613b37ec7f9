from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.data.annotated.objects import mirrored, objects_of, project
from minicaffe.proto.minicaffe_pb2 import EmitConstraint
from tests.data.annotated.records import record

OBJECTS = objects_of(
    record(
        np.zeros((3, 2, 2), np.uint8),
        [
            (4, 0, (0.0, 0.0, 0.4, 0.5), False),
            (2, 0, (0.5, 0.5, 0.9, 1.0), True),
            (4, 1, (0.25, 0.25, 0.75, 0.5), False),
        ],
    )
)


def test_group_by_group():
    rows = OBJECTS.rows(7)
    np.testing.assert_allclose(
        rows,
        [
            [7, 4, 0, 0, 0, 0.4, 0.5, 0],
            [7, 4, 1, 0.25, 0.25, 0.75, 0.5, 0],
            [7, 2, 0, 0.5, 0.5, 0.9, 1, 1],
        ],
        rtol=1e-6,
    )


def test_a_window_by_hand():
    half = np.array([0, 0, 0.5, 1])
    found = project(OBJECTS, half)
    np.testing.assert_allclose(found.boxes, [[0, 0, 0.8, 0.5], [0.5, 0.25, 1, 0.5]], rtol=1e-6)
    assert found.labels.tolist() == [4, 4]  # the third touches it only
    assert found.instances.tolist() == [0, 1]
    larger = project(OBJECTS, np.array([-1, -0.5, 3, 1.5]))
    np.testing.assert_allclose(larger.boxes[2], [1.5 / 4, 0.5, 1.9 / 4, 0.75], rtol=1e-6)


@pytest.mark.parametrize(
    ("emit", "kept"),
    [
        ("emit_type: CENTER", [0, 1]),
        ("emit_type: MIN_OVERLAP emit_overlap: 0.49", [0, 1]),
        ("emit_type: MIN_OVERLAP emit_overlap: 0.5", [0]),
    ],
)
def test_which_are_kept(emit, kept):
    constraint = text_format.Parse(emit, EmitConstraint())
    found = project(OBJECTS, np.array([0, 0, 0.5, 1.0]), constraint)
    assert found.instances.tolist() == kept
    if "CENTER" in emit:  # at 0.2, 0.5 and 0.7 of the width
        found = project(OBJECTS, np.array([0, 0, 0.45, 1.0]), constraint)
        assert found.instances.tolist() == [0]


def test_mirror():
    np.testing.assert_allclose(mirrored(OBJECTS).boxes[0], [0.6, 0, 1, 0.5], rtol=1e-6)
    np.testing.assert_allclose(mirrored(mirrored(OBJECTS)).boxes, OBJECTS.boxes)
    assert OBJECTS.boxes[0, 0] == 0
