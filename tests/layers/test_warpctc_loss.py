"""CtcLoss: a definition as the fork writes it gives what CTCLoss gives."""

from __future__ import annotations

import numpy as np

from tests.build import build

FIELDS = "ctc_loss_param { blank_label: 10 alphabet_size: 11 time_step: 9 }"


def test_is_ctc_loss(device, rng):
    """Rows are filled up with the blank."""
    x = rng.standard_normal((9, 2, 11))
    labels = np.array([[3.0, 3, 7, 10], [0, 10, 10, 10]])
    found = []
    for kind in ("CtcLoss", "CTCLoss"):
        layer, bottom, top = build(f'type: "{kind}" {FIELDS}', device, x, labels)
        layer.run_forward(bottom, top)
        layer.run_backward(top, [True, False], bottom)
        found.append([device.to_numpy(a).copy() for a in (top[0].data, bottom[0].diff)])
    assert found[0][0] > 0
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
