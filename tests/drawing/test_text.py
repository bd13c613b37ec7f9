from __future__ import annotations

import pytest

from minicaffe.drawing.text import shortened, width


def test_width():
    assert width("il", 10) < width("mm", 10)
    assert width("a b", 20) == pytest.approx(2 * width("a b", 10))
    assert width("name", 10, bold=True) > width("name", 10)
    assert width("漢", 10) == 10
    assert width("é", 10) > 0
    assert width("e\u0301", 10) == width("e", 10)  # an accent of its own takes no room


def test_shortened():
    assert shortened("short", 8) == "short"
    assert shortened("inception_3a/output", 12) == "ince...utput"
    assert shortened("a\nb\0c", 9) == "a b c"
