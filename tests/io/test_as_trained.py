from __future__ import annotations

import numpy as np
import pytest

from minicaffe.data.image import Layout
from minicaffe.data.image_mean import write_mean
from minicaffe.data.transformer import Transformer as TrainingTransformer
from minicaffe.errors import NetError
from minicaffe.io import as_trained
from minicaffe.proto.text import read_net

DATA = 'layer { name: "data" type: "Data" top: "data" %s transform_param { %s } }'


def definition(folder, *layers):
    path = folder / "train_val.prototxt"
    path.write_text("\n".join(DATA % layer for layer in layers))
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fields", ["", "scale: 0.25", "mean_value: 9", "mean_file: 'm' scale: 2"])
def test_the_net_gets_what_it_was_trained_on(tmp_path, monkeypatch, rng, channels, fields):
    """What the data layer makes of the bytes is what is made of the floats of load_image."""
    monkeypatch.chdir(tmp_path)
    write_mean("m", rng.random((channels, 7, 9)).astype(np.float32) * 100)
    stored = rng.integers(0, 256, (1, channels, 7, 9), np.uint8)  # blue, green, red
    path = definition(tmp_path, ("", f"{fields} crop_size: 4"))
    trained = np.empty((1, channels, 4, 4), np.float32)
    param = read_net(path).layer[0].transform_param
    TrainingTransformer(param, train=False)(Layout(channels, 7, 9), stored, None, trained)

    window = stored[0, ::-1, 1:5, 2:6].transpose(1, 2, 0) / 255
    result = as_trained({"data": (1, channels, 4, 4)}, path).preprocess("data", window)
    np.testing.assert_allclose(result, trained[0], atol=1e-3)


def test_a_mean_of_each_channel(tmp_path):
    path = definition(tmp_path, ("", "mean_value: 1 mean_value: 2 mean_value: 3"))
    made = as_trained({"data": (1, 3, 4, 4), "label": (1,)}, path)
    assert made.mean["data"].ravel().tolist() == [1, 2, 3]
    assert "label" not in made.transpose


def test_the_layer_for_tests_counts(tmp_path):
    layers = [("include { phase: TRAIN }", "scale: 2"), ("include { phase: TEST }", "scale: 3")]
    for order in (layers, layers[::-1]):
        made = as_trained({"data": (1, 3, 4, 4)}, definition(tmp_path, *order))
        assert made.input_scale["data"] == 3


def test_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.prototxt").write_text('layer { name: "x" type: "ReLU" }')
    with pytest.raises(NetError, match=r"deploy\.prototxt has no layer with a transform_param"):
        as_trained({"data": (1, 3, 4, 4)}, tmp_path / "deploy.prototxt")
    write_mean("m", np.zeros((3, 3, 9), np.float32))
    path = definition(tmp_path, ("", "mean_file: 'm'"))
    with pytest.raises(ValueError, match="the mean is 3 x 9, expected at least 4 x 4"):
        as_trained({"data": (1, 3, 4, 4)}, path)
    path = definition(tmp_path, ("", "mean_value: 1 mean_value: 2"))
    with pytest.raises(ValueError, match="Mean channels incompatible"):
        as_trained({"data": (1, 3, 4, 4)}, path)
