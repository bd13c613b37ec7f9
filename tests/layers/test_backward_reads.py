"""What a layer says that its backward reads is all that it reads; and neither way waits."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import Device
from tests import fake_cuda, fake_cupy
from tests.build import build

X = (4, 5, 3)
LABELS = np.array([[0.0, 4, 2], [1, 1, 3], [4, 0, 0], [2, 2, 1]])
SHARES = np.full(X, 0.2)
WEIGHTS = " ".join(f"class_weighting: {k}" for k in range(5))
CASES = {  # the definition behind the type, and what follows the first bottom
    "ApproximateBinaryClamping": ("", []),
    "BinaryActivation": ("binary_activation_param { growth: 2 }", []),
    "BinaryActivation SIGN": ("binary_activation_param { method: SIGN }", []),
    "CTCLoss": ("", [np.array([[1.0, 2], [1, 1], [2, 0], [1, 2], [2, 2]])]),
    "CenterLoss": ("center_loss_param { num_output: 5 }", [np.array([0.0, 4, 2, 2])]),
    "DistillationLoss": ("distillation_loss_param { soft_weight: 0.5 }", [-SHARES, LABELS]),
    "FixedPoint": ("", []),
    "FocalLoss": ("", [LABELS]),
    "Gram": ("", []),
    "KLDivergenceLoss": ("", [SHARES]),
    "L1Loss": ("", [SHARES]),
    "SoftmaxWithLoss": (f"loss_param {{ weight_by_label_freqs: true {WEIGHTS} }}", [LABELS]),
    "SoftmaxWithLoss smooth": ("loss_param { label_smoothing: 0.25 }", [LABELS]),
    "TemperatureSoftmax": ("softmax_param { temperature: 2 }", []),
    "TotalVariationLoss": ("", []),
    "TripletLoss": ("", [SHARES, -SHARES]),
}


def made(case, device):
    rest, more = CASES[case]
    x = np.random.default_rng(5).standard_normal(X)
    layer, bottom, top = build(f'type: "{case.split()[0]}" {rest}', device, x, *more)
    wanted = [layer.allow_force_backward(index) for index, _ in enumerate(bottom)]
    layer.run_forward(bottom, top)
    if not layer.is_loss:
        top[0].diff[...] = 3
    return layer, bottom, top, wanted


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_read_may_be_overwritten(device, case):
    found = []
    for spoils in (False, True):
        layer, bottom, top, wanted = made(case, device)
        if spoils:
            unread = {"bottom": bottom, "top": top}
            for name in layer.backward_reads:
                unread[name] = []
            for blob in (*unread["bottom"], *unread["top"]):
                blob.data[...] = np.nan
        layer.run_backward(top, wanted, bottom)
        pairs = zip(bottom, wanted, strict=True)
        found.append([device.to_numpy(blob.diff).copy() for blob, here in pairs if here])
    for one, other in zip(*found, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", sorted({*CASES} - {"CenterLoss"}))
def test_nothing_crosses_the_bus(case):
    """Of rows, which CenterLoss adds up, only the GPU's own body does not wait."""
    device = Device(fake_cupy, 0, np.random.default_rng(1))
    layer, bottom, top, wanted = made(case, device)
    with device.host.deferring(), fake_cuda.counted() as counts:
        layer.run_forward(bottom, top)
        layer.run_backward(top, wanted, bottom)
    assert (counts.to_host, counts.to_device) == (0, 0)
