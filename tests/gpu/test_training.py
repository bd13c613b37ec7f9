"""LeNet trained on a GPU: with and without a CUDA graph, in every precision, as on the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from minicaffe.device import cpu
from tests.gpu.conftest import ON_FAKE
from tests.gpu.digits import make, parameters, train

pytestmark = pytest.mark.gpu

RULES = [
    'type: "SGD"',
    'type: "Nesterov"',
    'type: "Adam" momentum2: 0.999 base_lr: 0.001',
    'type: "AdaGrad" momentum: 0',
    'type: "RMSProp" momentum: 0 rms_decay: 0.98 base_lr: 0.001',
    'type: "AdaDelta" delta: 0.000001',
    'type: "SGD" clip_gradients: 0.5 iter_size: 2',
]
STEPS = 5 if ON_FAKE else 40


@pytest.fixture(params=["recorded", "as written"])
def graph(request, monkeypatch):
    """Whether passes and updates are recorded."""
    monkeypatch.setenv("MINICAFFE_CUDA_GRAPH", "1" if request.param == "recorded" else "0")


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize("text", RULES[: 1 if ON_FAKE else None])
def test_the_first_steps_are_those_of_the_cpu(text, gpu):
    on_cpu, on_gpu = make(cpu(), text), make(gpu, text)
    steps = 6
    np.testing.assert_allclose(train(on_gpu, steps), train(on_cpu, steps), rtol=2e-4)
    for found, expected in zip(parameters(on_gpu), parameters(on_cpu), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=2e-3 * scale)


@pytest.mark.usefixtures("graph")
def test_it_learns(gpu):
    losses = train(make(gpu), STEPS)
    assert all(np.isfinite(losses))
    assert np.mean(losses[-3:]) < (1 if ON_FAKE else 0.2) * losses[0]


def test_a_recorded_step_gives_the_bits_of_a_written_one(gpu, monkeypatch):
    """With dropout, whose mask is another at each step, and a rate that falls."""
    found = []
    for switch in "01":
        monkeypatch.setenv("MINICAFFE_CUDA_GRAPH", switch)
        solver = make(gpu, "base_lr: 0.05", dropout=True)
        found.append((train(solver, 8), parameters(solver)))
    (losses, arrays), (others, other_arrays) = found
    assert losses == others
    for array, other in zip(arrays, other_arrays, strict=True):
        np.testing.assert_array_equal(array, other)


def test_one_seed_gives_one_run(gpu):
    runs = [train(make(gpu, dropout=True), 6) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_resumed_run_goes_on_bit_for_bit(gpu, tmp_path):
    text = f'snapshot_prefix: "{tmp_path}/lenet"'
    whole = make(gpu, text, dropout=True)
    train(whole, 4)
    state = whole.snapshot()
    rest = train(whole, 4)
    resumed = make(gpu, text, dropout=True)
    resumed.restore(state)
    assert train(resumed, 4) == rest


@pytest.mark.parametrize(("precision", "error"), [("tf32", 0.02), ("bf16", 0.1)])
def test_fewer_bits(precision, error, gpu, real):
    del real
    whole, fewer = make(gpu), make(replace(gpu, precision=precision))
    expected, found = train(whole, 10), train(fewer, 10)
    np.testing.assert_allclose(found[0], expected[0], rtol=error)
    assert found[-1] < found[0]
    assert all(array.dtype == np.float32 for array in parameters(fewer))
