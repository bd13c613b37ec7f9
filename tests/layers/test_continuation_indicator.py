"""ContinuationIndicator: what it puts out, each time anew, and what it refuses."""

from __future__ import annotations

import pytest

from minicaffe.errors import LayerConfigError
from tests.build import build

TEXT = 'type: "ContinuationIndicator" continuation_indicator_param {{ {} }}'


def test_zeros_at_the_first_step_and_ones_behind(device):
    layer, bottom, top = build(TEXT.format("time_step: 3 batch_size: 2"), device)
    for _ in range(2):
        top[0].data[...] = 7  # as a layer in place leaves it
        layer.run_forward(bottom, top)
        assert device.to_numpy(top[0].data).tolist() == [[0, 0], [1, 1], [1, 1]]
    layer.run_backward(top, [], bottom)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("batch_size: 2", "time_step is missing, expected at least 1"),
        ("time_step: 3 batch_size: 0", "batch_size is 0, expected at least 1"),
    ],
)
def test_refuses(device, fields, message):
    with pytest.raises(LayerConfigError, match=message):
        build(TEXT.format(fields), device)
