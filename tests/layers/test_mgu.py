"""MGU: a GRU whose two gates are one. Formulas and gradients of both are in test_gru."""

from __future__ import annotations

import numpy as np

from tests.build import build

UNITS = 4
TEXT = """type: "%s" recurrent_param { num_output: 4
    weight_filler { type: "uniform" min: -1 max: 1 }
    bias_filler { type: "uniform" min: -1 max: 1 } }"""


def test_is_a_gru_of_one_gate(device, rng):
    x, cont = rng.standard_normal((5, 2, 3)), np.ones((5, 2))
    cont[2, 1] = 0
    nets = [build(TEXT % kind, device, x, cont) for kind in ("MGU", "GRU")]
    (one, *_), (other, *_) = nets
    for mine, theirs in zip(one.blobs, other.blobs, strict=True):
        theirs.data[UNITS:] = mine.data  # r and g
        theirs.data[:UNITS] = mine.data[:UNITS]  # z is r
    dy = device.xp.asarray(rng.standard_normal((5, 2, UNITS)))
    for layer, bottom, top in nets:
        layer.run_forward(bottom, top)
        top[0].diff[...] = dy
        layer.run_backward(top, [True, False], bottom)
    for mine, theirs in ((nets[0][2][0].data, nets[1][2][0].data), *zip_diffs(nets)):
        np.testing.assert_allclose(device.to_numpy(mine), device.to_numpy(theirs), rtol=1e-12)
    for mine, theirs in zip(one.blobs, other.blobs, strict=True):
        found, parts = device.to_numpy(mine.diff), device.to_numpy(theirs.diff)
        np.testing.assert_allclose(found[:UNITS], parts[:UNITS] + parts[UNITS : 2 * UNITS], 1e-11)
        np.testing.assert_allclose(found[UNITS:], parts[2 * UNITS :], rtol=1e-11)


def zip_diffs(nets):
    return [tuple(bottom[0].diff for _, bottom, _ in nets)]
