"""Arrays on their way into blobs."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob as EngineBlob
from minicaffe.device import cpu
from minicaffe.pycaffe.blob import Blob
from minicaffe.pycaffe.errors import ArgumentError
from minicaffe.pycaffe.inputs import check_names, fill


def blobs(device, **shapes):
    return {name: Blob(EngineBlob(device, shape)) for name, shape in shapes.items()}


def test_names_in_any_order():
    check_names(["b", "a"], ["a", "b"], "Text.")
    check_names([], [], "Text.")


@pytest.mark.parametrize("given", [["a"], ["a", "b", "c"], []])
def test_other_names(given):
    with pytest.raises(ArgumentError, match=r"^Text\. .*given, expected 'a', 'b'\.$"):
        check_names(given, ["a", "b"], "Text.")


def test_all_or_none(device):
    into = blobs(device, x=(2, 3), y=(2,))
    with pytest.raises(ArgumentError, match=r"^Text: 'y' has shape \(3,\), expected \(2,\)"):
        fill(into, "data", {"x": np.ones((2, 3)), "y": np.ones(3)}, "Text")
    assert not into["x"].data.any()
    fill(into, "diff", {"x": [[1], [2]], "y": range(2)}, "Text")
    assert into["x"].diff.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert into["y"].diff.tolist() == [0, 1]
    assert not into["x"].data.any()


def test_a_single_value():
    into = blobs(cpu(), x=())
    fill(into, "data", {"x": 4}, "Text")
    assert into["x"].data == 4
