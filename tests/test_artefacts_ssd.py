"""SSD face detectors that others trained: they compute what the references say, and find the face.

The suite runs the one that ``tests/artefacts`` carries; ``make slow ARTEFACTS=/path`` both.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.cli.main import main
from minicaffe.proto import binary
from minicaffe.proto.definition import read_definition
from minicaffe.proto.minicaffe_pb2 import NetParameter
from tests.artefacts.lines import CARRIED, compute, params
from tests.artefacts.models import SSD

MEAN = np.array([104, 117, 123])
FACE = {"v1": (0.9992, 0.42, 0.15, 0.79, 0.62), "v2": (0.9998, 0.45, 0.15, 0.78, 0.62)}


def detections(refs):
    """The rows of a reference, which were padded with zeros."""
    rows = refs["detection_out"][0, 0]
    return rows[rows.any(axis=1)]


@pytest.mark.parametrize(("model", "root"), params(SSD))
def test_computes_the_reference(device, model, root):
    net, copied = model.build(root, device)
    assert (copied.kept, copied.ignored) == ([], [])
    inputs, expected = model.arrays(root)
    found = compute(net, inputs, expected)["detection_out"]
    rows = detections(expected)
    assert found.shape == (1, 1, len(rows), 7)
    np.testing.assert_allclose(found[0, 0], rows, atol=2e-6)
    assert len(rows) > 10
    np.testing.assert_allclose(rows[0, 2:], FACE[model.name], atol=0.006)


@pytest.mark.parametrize(("model", "root"), params(SSD))
def test_twice_the_image_is_twice_the_rows(model, root):
    net, _ = model.build(root)
    inputs, expected = model.arrays(root)
    once = compute(net, inputs, expected)["detection_out"][0, 0]
    both = {"data": np.concatenate([inputs["data"], 0 * inputs["data"], inputs["data"]])}
    found = compute(net, both, expected)["detection_out"][0, 0]
    for image in (0, 2):
        np.testing.assert_allclose(found[found[:, 0] == image][:, 1:], once[:, 1:], atol=1e-6)


@pytest.mark.parametrize(("model", "root"), params(SSD))
def test_the_face_is_found_from_the_command_line(model, root, tmp_path, capsys):
    inputs, expected = model.arrays(root)
    picture = inputs["data"][0].transpose(1, 2, 0) + MEAN
    np.testing.assert_array_equal(picture, picture.round())
    photo, drawn = tmp_path / "photo.png", tmp_path / "out.png"
    cv2.imwrite(str(photo), picture.astype(np.uint8))
    files = [str(root / model.net), str(root / model.weights), str(photo)]
    assert main(["detect", *files, "--mean", "104,117,123", "--draw", str(drawn)]) == 0
    _, _, best, *_ = capsys.readouterr().out.splitlines()
    _, score, *box = map(float, best.split()[1:])
    row = detections(expected)[0]
    assert score == pytest.approx(row[2], abs=1e-4)
    np.testing.assert_allclose(box, row[3:] * [320, 240, 320, 240], atol=0.06)
    changed = (cv2.imread(str(drawn)) != picture).any(axis=2)
    left, top, right, bottom = (round(value) for value in box)
    assert changed[top : bottom + 1, left].all()
    assert changed[bottom, left : right + 1].all()


@pytest.mark.parametrize(("model", "root"), params(SSD))
def test_the_forks_file_is_read_by_the_types_of_its_layers(model, root):
    """Each layer of the deploy net is in the file of the training, with the same parameters."""
    stored = {layer.name: layer for layer in binary.read(root / model.weights, NetParameter).layer}
    fields = ("norm_param", "permute_param", "prior_box_param")
    compared = 0
    for layer in model.definition(root).layer:
        for field in fields:
            if layer.HasField(field):
                assert getattr(stored[layer.name], field) == getattr(layer, field)
                compared += 1
    assert compared > 9
    (loss,) = (layer for layer in stored.values() if layer.type == "MultiBoxLoss")
    assert loss.multibox_loss_param.num_classes == 2
    definition = read_definition(root / model.weights)
    assert [each.name for each in definition.layer] == list(stored)


def test_a_forks_caffemodel_is_drawn(tmp_path, capsys):
    (model,) = (model for model in SSD if not model.missing(CARRIED))
    picture = tmp_path / "net.svg"
    assert main(["draw", str(CARRIED / model.weights), str(picture), "--no-shapes"]) == 0
    assert "82 layers" in capsys.readouterr().out
    assert "conv3_3_norm_mbox_priorbox" in picture.read_text()
    files = [str(CARRIED / model.net), "--weights", str(CARRIED / model.weights)]
    assert main(["summary", *files]) == 0
    assert "673,360" in capsys.readouterr().out
