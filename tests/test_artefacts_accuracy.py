"""Trained models of others reach the accuracies that are known of them.

``make slow ARTEFACTS=/path`` runs all of it, with the data sets in ``/path/../datasets``; the
suite runs what the repository carries, of models and of data.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

import minicaffe
from minicaffe.blob_proto import array_to_proto
from minicaffe.cli.main import main
from minicaffe.net import Net
from minicaffe.weights import load_weights
from tests.artefacts.lines import CARRIED, FOLDER, compute
from tests.artefacts.models import MODELS
from tests.data.databases import datum, make_lmdb

BY_NAME = {model.name: model for model in MODELS}
OWN_MNIST = Path(minicaffe.__file__).resolve().parent.parent / "models" / "lenet" / "data"
DATASETS = FOLDER.parent / "datasets" if FOLDER else Path("$ARTEFACTS/../datasets")
MNIST = DATASETS / "mnist"
SNAPSHOT = DATASETS.parent / "golden" / "lenet" / "lenet_iter_10000.caffemodel"
CIFAR10 = DATASETS / "cifar10_subset" / "test_batch_first1000.bin"
RESNETS = "cifar10_resnet_junyuseu/without_data_augmentation"
BATCH = 100

ON_MNIST = {
    "v1_lenet": 0.9918,
    "ethereon_lenet_iter_10000": 0.9914,
    "arm_lenet_iter_9000": 0.9916,
    "horizon_lenet_iter_100000": 0.9908,
    "may0324_lenet_iter_10000": 0.9908,
}
ON_CIFAR10 = {  # the first 1000 of the 10,000 test images
    "res20": 0.915,
    "res20aug": 0.928,
    "res56": 0.928,
    "plain20": 0.902,
    "h5_m4": 0.799,
    "h5_m7": 0.811,
    "quantized_m4": 0.799,
    "quantized_m7": 0.807,
}
# what the nets see in the two images, as indices of ImageNet's 1000 classes
ON_IMAGES = {
    "bvlc_deploy-googlenet_prob_jpg_BGR": [428, 452],  # wheelbarrow, bonnet
    "decoded": [812, 457],  # space shuttle, bow tie
}


def folder_has(*paths):
    missing = [str(path) for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)}")


def mnist(folder):
    """The test images as LeNet's definition scales them, and their labels."""
    raw = []
    for name, head in (("images-idx3", 16), ("labels-idx1", 8)):
        packed = (folder / f"t10k-{name}-ubyte.gz").read_bytes()
        raw.append(np.frombuffer(gzip.decompress(packed), np.uint8, offset=head))
    return raw[0].reshape(-1, 1, 28, 28) / np.float32(256), raw[1]


def cifar10():
    """The test images, 0..255, red first, and their labels."""
    raw = np.fromfile(CIFAR10, np.uint8).reshape(-1, 3073)
    return raw[:, 1:].reshape(-1, 3, 32, 32), raw[:, 0]


def cifar10_mean(images):
    """The training set's mean image: what a reference's input lacks of the images."""
    inputs, _ = BY_NAME["res20"].arrays(FOLDER)
    shown = inputs["Data1"].astype(np.float64)
    return (images[: len(shown)] - shown).mean(axis=0).astype(np.float32)


def accuracy(model, root, images, labels):
    """The share of ``images`` whose label gets the largest probability."""
    net, _ = model.build(root)
    right = 0
    for start in range(0, len(images), BATCH):
        inputs = {net.inputs[0]: images[start : start + BATCH]}
        scores = compute(net, inputs, {"prob": None})["prob"]
        right += (scores.argmax(axis=1) == labels[start : start + BATCH]).sum()
    return right / len(images)


@folder_has(OWN_MNIST)
def test_the_lenet_that_is_carried():
    assert accuracy(BY_NAME["v1_lenet"], CARRIED, *mnist(OWN_MNIST)) == ON_MNIST["v1_lenet"]


@pytest.mark.slow
@folder_has(MNIST)
@pytest.mark.parametrize("name", ON_MNIST)
def test_lenets_on_mnist(name):
    assert accuracy(BY_NAME[name], FOLDER, *mnist(MNIST)) == ON_MNIST[name]


@pytest.mark.slow
@folder_has(MNIST, SNAPSHOT)
def test_a_snapshot_scores_what_the_originals_log_says():
    net = Net(BY_NAME["v1_lenet"].definition(FOLDER))
    load_weights(net, SNAPSHOT)
    images, labels = mnist(MNIST)
    scores = compute(net, {"data": images}, {"prob": None})["prob"].astype(np.float64)
    assert (scores.argmax(axis=1) == labels).mean() == 0.9906
    loss = -np.log(scores[np.arange(len(labels)), labels]).mean()
    assert loss == pytest.approx(0.0287973, rel=1e-5)


@pytest.mark.slow
@folder_has(CIFAR10)
@pytest.mark.parametrize("name", ON_CIFAR10)
def test_nets_on_cifar10(name):
    images, labels = cifar10()
    assert (
        accuracy(BY_NAME[name], FOLDER, images - cifar10_mean(images), labels) == ON_CIFAR10[name]
    )


@pytest.mark.slow
@folder_has(CIFAR10)
def test_a_resnet_by_its_own_definition_and_database(tmp_path, monkeypatch, capsys):
    """The whole of what its author ran: train_val, LMDB, mean file, ``test``."""
    images, labels = cifar10()
    pairs = zip(images, labels.tolist(), strict=True)
    make_lmdb(tmp_path / "cifar10_test_lmdb", [datum(image, label) for image, label in pairs])
    mean = array_to_proto(cifar10_mean(images)[None])
    (tmp_path / "mean.binaryproto").write_bytes(mean.SerializeToString())
    here = tmp_path / "ResNet" / "20"  # the definition's paths start with ../../
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    folder = FOLDER / RESNETS / "ResNet" / "20"
    model, weights = folder / "res20_cifar_train_test.prototxt", folder / "ResNet_20.caffemodel"
    flags = ["--model", str(model), "--weights", str(weights), "--iterations", "10"]
    assert main(["test", *flags]) == 0
    found = re.findall(r"\] Accuracy1 = (\S+)", capsys.readouterr().err)
    assert float(found[-1]) == pytest.approx(ON_CIFAR10["res20"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_IMAGES)
def test_what_the_images_show(name):
    model = BY_NAME[name]
    if FOLDER is None or model.missing(FOLDER):
        pytest.skip(f"ARTEFACTS has no {model.net}")
    net, _ = model.build(FOLDER)
    inputs, expected = model.arrays(FOLDER)
    (scores,) = compute(net, inputs, expected).values()
    assert scores.reshape(2, -1).argmax(axis=1).tolist() == ON_IMAGES[name]
