from __future__ import annotations

import re

import pytest

from minicaffe.drawing.kinds import FILLS, darker, kind_of
from minicaffe.layers import layer_classes


def test_every_layer_has_a_kind_of_its_own():
    others = {type_ for type_ in layer_classes() if kind_of(type_) == "other"}
    assert others == set()


def test_every_kind_has_a_colour():
    kinds = {kind_of(type_) for type_ in layer_classes()}
    assert kinds < set(FILLS)
    assert all(re.fullmatch("#[0-9a-f]{6}", fill) for fill in FILLS.values())
    assert len(set(FILLS.values())) == len(FILLS)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("SmoothL1Loss", "loss"),
        ("SoftmaxWithLoss", "loss"),
        ("ImageGtData", "data"),
        ("SyncBatchNorm", "normalisation"),
        ("RegionOutput", "other"),
        ("", "other"),
    ],
)
def test_what_forks_have(type_, kind):
    assert kind_of(type_) == kind


def test_darker():
    assert darker("#80ff00", 0.5) == "#407f00"
