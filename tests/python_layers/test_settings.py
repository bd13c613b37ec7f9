"""Settings of py-faster-rcnn in ``param_str``."""

from __future__ import annotations

import logging

import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.python_layers.settings import settings

DEFAULTS = {"stride": 16, "share": 0.5, "scales": (8.0, 16.0), "clobbers": False}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("'stride': 8", {"stride": 8}),
        ("{'stride': 2.5, 'share': 1}", {"stride": 2.5, "share": 1}),
        ("{'scales': [1, 2, 3]}", {"scales": (1, 2, 3)}),
        ("'stride': 8\n'scales': !!python/tuple [4, 0.5]", {"stride": 8, "scales": (4, 0.5)}),
        ("scales: 7", {"scales": (7,)}),
        ("{'clobbers': True, 'share': '0.25'}", {"clobbers": True, "share": 0.25}),
    ],
)
def test_what_is_told_goes_before_the_default(text, found):
    assert settings(text, DEFAULTS) == DEFAULTS | found


def test_whole_numbers_stay_whole():
    assert isinstance(settings("stride: 8", DEFAULTS)["stride"], int)


def test_a_name_that_is_not_known_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        assert settings("{'scale': [4]}", DEFAULTS) == DEFAULTS
    assert "param_str has 'scale', which is not followed: did you mean 'scales'?" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'clobbers': 3}", "param_str has 3 for 'clobbers', expected True or False"),
        ("{'scales': [1, x]}", "param_str has 'x' for 'scales', expected a number"),
        ("{'stride': no way}", "param_str has 'no way' for 'stride', expected a number"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(LayerConfigError, match=message):
        settings(text, DEFAULTS)
