"""Fillers: their statistics, the exact ones exactly, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.blob import Blob
from minicaffe.device import cpu
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.fillers import FILLERS, constant, fill
from minicaffe.proto.minicaffe_pb2 import FillerParameter

SHAPE = (70, 30, 5, 4)  # fans of 600 and 1400
FANS = {"": 600, "variance_norm: FAN_IN": 600, "FAN_OUT": 1400, "AVERAGE": 1000}
COUNT = 42000


def filled(device, text, shape=SHAPE, dtype=np.float64):
    blob = Blob(device, shape, dtype)
    fill(blob, text_format.Parse(text, FillerParameter()))
    return device.to_numpy(blob.data)


@pytest.fixture
def text_of(tmp_path):
    """What a filler of a kind needs beside its type for 150 values."""
    (tmp_path / "numbers.txt").write_text(" ".join(map(str, range(150))))
    return lambda kind: f'type: "{kind}" file: "{tmp_path}/numbers.txt"'


def assert_moments(values, mean, std):
    """Within 5 standard errors; those of the deviation hold for the normal, the widest here."""
    assert abs(values.mean() - mean) < 5 * std / np.sqrt(values.size)
    assert abs(values.std() / std - 1) < 5 / np.sqrt(2 * values.size)


def test_constant(device):
    assert (filled(device, "value: -2.5") == -2.5).all()
    assert (filled(device, "") == 0).all()
    assert constant(3) == FillerParameter(type="constant", value=3)


@pytest.mark.parametrize(
    ("field", "low", "high"), [("", 0, 1), ("min: -3 max: -1", -3, -1), ("min: 2 max: 2", 2, 2)]
)
def test_uniform(device, field, low, high):
    values = filled(device, f'type: "uniform" {field}')
    assert values.min() >= low
    assert values.max() <= high
    if high > low:
        assert_moments(values, (low + high) / 2, (high - low) / np.sqrt(12))


@pytest.mark.parametrize(
    ("field", "mean", "std"), [("", 0, 1), ("mean: 3 std: 0.5", 3, 0.5), ("std: 0 mean: 2", 2, 0)]
)
def test_gaussian(device, field, mean, std):
    values = filled(device, f'type: "gaussian" {field}')
    if std:
        assert_moments(values, mean, std)
        assert abs(((values - mean) ** 4).mean() / std**4 - 3) < 0.15  # 1.8 if it were uniform
    else:
        assert (values == mean).all()


@pytest.mark.parametrize("sparse", [0, 7, 70])
def test_sparse_keeps_its_share_of_the_first_axis(device, sparse):
    values = filled(device, f'type: "gaussian" mean: 9 std: 0.5 sparse: {sparse}')
    kept, share = values[values != 0], sparse / SHAPE[0]
    assert abs(kept.size / COUNT - share) <= 5 * np.sqrt(share * (1 - share) / COUNT)
    if sparse:
        assert_moments(kept, 9, 0.5)


@pytest.mark.parametrize("norm", FANS)
@pytest.mark.parametrize("kind", ["xavier", "msra"])
def test_variance_norm(device, kind, norm):
    field = f"variance_norm: {norm}" if norm.isupper() else norm
    values = filled(device, f'type: "{kind}" {field}')
    assert_moments(values, 0, np.sqrt((1 if kind == "xavier" else 2) / FANS[norm]))
    bound = np.sqrt(3 / FANS[norm])  # of the uniform; the normal goes past it
    assert (abs(values).max() <= bound) == (kind == "xavier")


def test_fans_of_one_axis(device):
    values = filled(device, 'type: "msra"', (COUNT,))
    assert_moments(values, 0, np.sqrt(2))
    values = filled(device, 'type: "msra" variance_norm: FAN_OUT', (COUNT,))
    assert_moments(values, 0, np.sqrt(2 / COUNT))


def test_positive_unitball(device):
    values = filled(device, 'type: "positive_unitball"', (6, 3, 700))
    assert (values > 0).all()
    np.testing.assert_allclose(values.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert_moments(values * 1050, 0.5, 1 / np.sqrt(12))


@pytest.mark.parametrize(
    ("size", "line"),
    [
        (1, [1]),
        (3, [0.5, 1, 0.5]),
        (4, [0.25, 0.75, 0.75, 0.25]),
        (5, [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]),
    ],
)
def test_bilinear(device, size, line):
    values = filled(device, 'type: "bilinear"', (3, 2, size, size))
    for kernel in values.reshape(6, size, size):
        np.testing.assert_allclose(kernel, np.outer(line, line), rtol=1e-6)


@pytest.mark.parametrize("kind", FILLERS)
def test_one_seed_gives_the_same_values_on_every_device_and_dtype(device, kind, text_of):
    values = filled(device, text_of(kind), (3, 2, 5, 5))
    again = filled(cpu(seed=1701), text_of(kind), (3, 2, 5, 5), np.float32)
    np.testing.assert_allclose(values, again, rtol=1e-7)


@pytest.mark.parametrize("kind", FILLERS)
def test_an_empty_blob_takes_any(device, kind, text_of):
    assert filled(device, text_of(kind), (0, 2, 5, 5)).size == 0


@pytest.mark.parametrize("kind", ["constant", "uniform", "gaussian"])
def test_a_scalar(device, kind):
    assert filled(device, f'type: "{kind}"', ()).shape == ()


@pytest.mark.parametrize(
    ("text", "shape", "error", "message"),
    [
        ('type: "gausian"', (2,), LayerConfigError, "'gausian', expected .*mean 'gaussian'?"),
        ('type: "xavier" sparse: 3', (5, 2), LayerConfigError, "only gaussian fillers are"),
        ('type: "gaussian" sparse: -2', (5, 2), LayerConfigError, r"is -2, expected 0\.\.5"),
        ('type: "gaussian" sparse: 6', (5, 2), LayerConfigError, r"is 6, expected 0\.\.5: .* / 5"),
        ('type: "uniform" min: 2', (5,), LayerConfigError, "min is 2 and max is 1, expected"),
        ('type: "uniform" min: nan', (5,), LayerConfigError, "min is nan"),
        ('type: "gaussian" std: -0.1', (5,), LayerConfigError, "std is -0.1, expected at least 0"),
        ('type: "xavier"', (), ShapeError, r"shape \(\), expected an axis"),
        ('type: "msra"', (), ShapeError, r"shape \(\), expected an axis"),
        ('type: "positive_unitball"', (), ShapeError, r"shape \(\), expected an axis"),
        ('type: "bilinear"', (2, 3, 4), ShapeError, r"\(2, 3, 4\), expected \(N, C, K, K\)"),
        ('type: "bilinear"', (2, 3, 4, 5), ShapeError, r"\(2, 3, 4, 5\), expected \(N, C, K, K"),
    ],
)
def test_refuses(text, shape, error, message):
    with pytest.raises(error, match=message):
        filled(cpu(), text, shape)


def test_file(device, tmp_path):
    (tmp_path / "numbers.txt").write_text("1 2.5\n-3e-1,4\t5\n\n6\n")
    values = filled(device, f'type: "file" file: "{tmp_path}/numbers.txt"', (2, 3))
    np.testing.assert_allclose(values, [[1, 2.5, -0.3], [4, 5, 6]], rtol=1e-7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 2 3", r"numbers.txt' has 3 number\(s\), expected 6 for a blob of shape \(2, 3\)"),
        ("1 2 3 4 5 x", r"numbers.txt', expected a text file of numbers: .*'x'"),
        (None, r"numbers.txt', expected a text file of numbers: No such file"),
    ],
)
def test_file_refuses(device, tmp_path, content, message):
    if content is not None:
        (tmp_path / "numbers.txt").write_text(content)
    with pytest.raises(LayerConfigError, match=message):
        filled(device, f'type: "file" file: "{tmp_path}/numbers.txt"', (2, 3))


def test_file_has_to_be_named(device):
    with pytest.raises(LayerConfigError, match="filler file is missing, expected a text file"):
        filled(device, 'type: "file"')
