"""What definitions write in ``param_str``, as Python, JSON or YAML."""

from __future__ import annotations

import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.python_layers.param_str import mapping, number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{'phase': 'TRAIN', 'p': '0.01'}", {"phase": "TRAIN", "p": "0.01"}),
        ("'feat_stride': 16", {"feat_stride": 16}),
        ("'stride': 16 \n'scales': !!python/tuple [8, 9]", {"stride": 16, "scales": (8, 9)}),
        ("a: !!python/name:os.system", None),
        ('{"a": [1, 2.5], "b": true}', {"a": [1, 2.5], "b": True}),
        ("{1: 2}", {"1": 2}),
        ("", {}),
        ("three", None),
        ("[1, 2]", None),
        ("{", None),
    ],
)
def test_mapping(text, found):
    if found is None:
        with pytest.raises(LayerConfigError, match=r"param_str is .*, expected names"):
            mapping(text)
    else:
        assert mapping(text) == found


def test_number():
    told = {"p": "0.25", "q": 3, "r": None}
    assert [number(told, name, 7) for name in "pqs"] == [0.25, 3, 7]
    with pytest.raises(LayerConfigError, match="param_str has None for 'r', expected a number"):
        number(told, "r", 0)
