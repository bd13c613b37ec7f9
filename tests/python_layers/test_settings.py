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


@pytest.mark.parametrize(
    ("name", "default", "given", "message"),
    [
        ("feat_stride", 16, "0", "has 0 for 'feat_stride', expected a positive number of pixels"),
        ("feat_stride", 16, "1e30", "has 1e.30 for 'feat_stride', expected a positive number of"),
        ("allowed_border", 0, ".inf", "has inf for 'allowed_border', expected a finite number"),
        ("rpn_min_size", 16, "nan", "has nan for 'rpn_min_size', expected a finite number"),
        ("rpn_batchsize", 256, "1.5", "has 1.5 for 'rpn_batchsize', expected a whole number from"),
        ("rpn_batchsize", 256, "0", "has 0 for 'rpn_batchsize', expected a whole number from 1"),
        ("rpn_pre_nms_top_n", 6000, "1.5", "has 1.5 for .*, expected a whole number"),
        ("rpn_post_nms_top_n", 300, "1e30", "has 1e.30 for .*, expected a whole number"),
        ("fg_fraction", 0.25, "-0.5", "has -0.5 for 'fg_fraction', expected a number from 0 to 1"),
        ("rpn_positive_weight", -1.0, "2", "has 2 for 'rpn_positive_weight', expected at most 1"),
        ("rpn_nms_thresh", 0.7, "-1", "has -1 for 'rpn_nms_thresh', expected 0 or more"),
        ("ratios", (0.5, 1.0), "[1, 0]", "has 0 for 'ratios', expected a positive number"),
        ("ratios", (0.5,), "[.inf]", "has inf for 'ratios', expected a positive number"),
        ("scales", (8.0,), "[-1]", "has -1 for 'scales', expected a positive number"),
        ("scales", (8.0,), "[]", r"has \[\] for 'scales', expected at least one number"),
        ("bbox_inside_weights", (1.0,) * 4, "[1, 2, 3]", "has .* for .*, expected 4 numbers"),
        ("bbox_inside_weights", (1.0,) * 4, "1", "has 1 for .*, expected 4 numbers"),
        ("bbox_inside_weights", (1.0,) * 4, "[.nan, 1, 1, 1]", "has nan for .*, expected a finite"),
        ("bbox_normalize_stds", (0.1,) * 4, "[1, 1, 1, 0]", "has 0 for .*, expected a positive"),
    ],
)
def test_refuses_what_makes_no_sense(name, default, given, message):
    with pytest.raises(LayerConfigError, match=f"^param_str {message}"):
        settings(f"{{'{name}': {given}}}", {name: default})


@pytest.mark.parametrize(
    ("name", "default", "value"),
    [
        ("batch_size", 128, -1),  # R-FCN: all
        ("rpn_pre_nms_top_n", 6000, 0),
        ("rpn_positive_weight", -1.0, -1.0),
        ("allowed_border", 0, -3),
        ("feat_stride", 16, 2.5),
        ("rpn_fg_fraction", 0.5, 1.0),
    ],
)
def test_takes_what_means_something(name, default, value):
    assert settings(f"{{'{name}': {value}}}", {name: default}) == {name: value}
