"""AgeNet's measures of predicted ages, as a net in its TEST phase gives them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter
from minicaffe.score import Score
from tests.systems.runs import fill, inner_product, input_of, layer

# X. Liu et al., "AgeNet", 2015: normalized errors of the ChaLearn challenge, where it was second
NORMALIZED = {"development": 0.2923, "test": 0.2707}
MAE = {"one step of fine-tuning": 7.09, "two steps": 3.95}  # of its regressor, in years
MODULE = 'python_param { module: "minicaffe.python_layers.age_error" layer: "AgeErrorLayer" }'


@pytest.fixture
def measure():
    """The mean errors, normalized and absolute, of predictions in batches of any sizes."""
    text = "".join(input_of(name, 1) for name in ("y", "age", "sigma"))
    text += layer("Python", "y age sigma", "error", f'top: "mae" {MODULE}')
    definition = text_format.Parse(text, NetParameter())
    definition.state.phase = TEST
    net = Net(definition)

    def measure(*batches):
        score = Score(net)
        for y, age, sigma in batches:
            fill(net, y=y, age=age, sigma=sigma)
            score.run_batch()
        return tuple(mean for _, mean, _ in score.elements())

    return measure


@pytest.fixture
def people(rng):
    """What is guessed of 60 people: the means, and how far the guesses are apart."""
    return rng.uniform(3, 85, 60), rng.uniform(1, 9, 60)


def test_right_ages_are_no_error(measure, people):
    age, sigma = people
    assert measure((age, age, sigma)) == (0, 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_miss_of_one_deviation(measure, people, sign):
    age, sigma = people
    error, mae = measure((age + sign * sigma, age, sigma))
    assert error == pytest.approx(0.3935, abs=5e-5)
    assert mae == pytest.approx(sigma.mean(), rel=1e-6)


@pytest.mark.parametrize("published", NORMALIZED.values(), ids=NORMALIZED)
def test_what_was_published_in_deviations(measure, people, published):
    """0.83 and 0.79 of one: so far off, every time, comes out as published."""
    age, sigma = people
    off = math.sqrt(-2 * math.log(1 - published))
    y = age + off * sigma * np.resize([1, -1, -1], 60)
    halves = [slice(0, 30), slice(30, 60)]
    error, mae = measure(*((y[half], age[half], sigma[half]) for half in halves))
    assert error == pytest.approx(published, abs=5e-5)
    assert mae == pytest.approx(off * sigma.mean(), rel=1e-6)


@pytest.mark.parametrize("published", MAE.values(), ids=MAE)
def test_the_absolute_error_knows_no_deviation(measure, people, published):
    age, sigma = people
    y = age + published * np.resize([0.5, -1.5, 1, -1], 60)
    near, far = (measure((y, age, factor * sigma)) for factor in (1, 2))
    assert near[1] == far[1] == pytest.approx(published, rel=1e-6)
    assert near[0] > far[0] > 0


def test_many_small_misses_are_better_than_one_of_a_lifetime(measure, people):
    """The normalized error of one person is 1 at most: the absolute one puts them the other way."""
    age, sigma = people
    lifetime = age + np.where(np.arange(60) == 7, 80, 0)
    small, large = measure((age + 0.5 * sigma, age, sigma)), measure((lifetime, age, sigma))
    assert small[0] > large[0] == pytest.approx(1 / 60, rel=1e-6)
    assert large[1] == pytest.approx(80 / 60, rel=1e-6)


def test_a_regressor_of_hundredths_is_measured_in_years():
    """It learns ages / 100, as AgeNet's does: a Power takes them back."""
    text = input_of("x", 4, 3) + input_of("age", 4) + input_of("sigma", 4)
    text += inner_product("x", "share", 1) + layer(
        "Power", "share", "y", "power_param { scale: 100 }"
    )
    text += layer("Python", "y age sigma", "error", f'top: "mae" {MODULE}')
    net = Net(text_format.Parse(text, NetParameter()))
    net.params[0].blob.data[...] = [[0.1, 0.2, 0.3]]
    x = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    fill(net, x=x, age=np.array([10, 23, 30, 54]), sigma=np.array([1, 3, 1, 3]))
    net.forward()
    assert float(net.blobs["mae"].data) == pytest.approx((3 + 6) / 4, rel=1e-5)
    expected = (2 - math.exp(-0.5) - math.exp(-2)) / 4
    assert float(net.blobs["error"].data) == pytest.approx(expected, rel=1e-5)
