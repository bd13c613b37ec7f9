"""How weights start, and what becomes of values and gradients on their way through many layers."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.device import cpu
from minicaffe.fillers import fill as fill_blob
from minicaffe.proto.minicaffe_pb2 import FillerParameter
from tests.systems.runs import fill, inner_product, input_of, layer, net_of


@pytest.mark.parametrize(
    ("filler", "variance"),
    [
        ('type: "xavier"', 1 / 200),
        ('type: "xavier" variance_norm: FAN_OUT', 1 / 100),
        ('type: "xavier" variance_norm: AVERAGE', 2 / 300),
        ('type: "msra"', 2 / 200),
        ('type: "msra" variance_norm: FAN_OUT', 2 / 100),
        ('type: "msra" variance_norm: AVERAGE', 4 / 300),
    ],
)
def test_the_variance_of_20_000_weights(filler, variance):
    """Within 2 %, and on the mean far closer: by chance the msra of 20,000 is off by 1 %."""
    param, found = text_format.Parse(filler, FillerParameter()), []
    for seed in range(60):
        blob = Blob(cpu(seed), (100, 200), np.float32)  # of 200 inputs and 100 outputs
        fill_blob(blob, param)
        found.append(blob.data.var() / variance)
    assert found[1:4] == pytest.approx([1] * 3, abs=0.02)
    assert np.mean(found) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize(("filler", "low", "high"), [("msra", 0.5, 2), ("xavier", 0, 1e-3)])
def test_values_behind_30_layers(rng, filler, low, high):
    """ReLU halves the mean square, which msra makes up for."""
    net, bottom = input_of("x", 32, 640), "x"
    for index in range(30):
        net += inner_product(bottom, f"h{index}", 640, f'type: "{filler}"')
        net += layer("ReLU", f"h{index}", f"a{index}")
        bottom = f"a{index}"
    made = net_of(net, np.float32)
    fill(made, x=rng.standard_normal((32, 640)))
    made.forward()
    ratio = made.blobs["a29"].data.std() / made.blobs["a0"].data.std()
    assert low <= ratio < high


def test_the_bound_on_four_weighted_sigmoids(rng):
    """A thousand chains, each of four weights of its own."""
    net, bottom = input_of("x", 1000), "x"
    for index in range(4):
        net += layer("Scale", bottom, f"w{index}", "scale_param { axis: 0 }")
        net += layer("Sigmoid", f"w{index}", f"s{index}")
        bottom = f"s{index}"
    made = net_of(net)
    weights = 3 * rng.standard_normal((4, 1000))
    for param, values in zip(made.params, weights, strict=True):
        param.blob.data[...] = values
    fill(made, x=rng.standard_normal(1000))
    made.forward()
    made.blobs["s3"].diff[...] = 1
    made.backward()
    passed, most = np.abs(made.blobs["x"].diff), np.abs(weights.prod(axis=0)) / 4**4
    assert (passed <= most).all()
    assert (passed > 0).all()
    assert (passed / most).max() > 0.8


def test_unbalanced_inputs_to_the_last_bit():
    """The example on the slide: -0.01 and -100 for one pair of weights, -0.01 and -10^4 below."""
    net = input_of("a", 1, 1) + input_of("b", 1, 1)
    for x in "ab":
        net += inner_product(x, f"{x}1", 1) + inner_product(f"{x}1", f"{x}2", 1)
    made = net_of(net + layer("Eltwise", "a2 b2", "y"))
    blobs = {step.name: step.layer.blobs for step in made.steps}
    for name, value in {"a1": 1, "a2": 1, "b1": 1, "b2": 100}.items():
        blobs[name][0].data[...] = value
    fill(made, a=np.full((1, 1), 0.01), b=np.full((1, 1), 100))
    made.forward()
    made.blobs["y"].diff[...] = -1
    made.clear_param_diffs()
    made.backward()
    found = [blobs[name][0].diff.item() for name in ("a2", "b2", "a1", "b1")]
    assert found == [-0.01, -100, -0.01, -1e4]
