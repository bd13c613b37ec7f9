"""Trained models of others: they load, compute what the original computed, and save again.

The suite runs what ``tests/artefacts`` carries; ``make slow ARTEFACTS=/path`` runs the whole
collection as well. Which net goes with which weights and references: ``artefacts/models.py``.
"""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from minicaffe.errors import MinicaffeError, WeightsError
from minicaffe.net import Net
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import TEST, BlobProto, NetParameter, NetState
from minicaffe.proto.text import read_net
from minicaffe.weights import load_weights, net_to_proto, save_weights
from tests.artefacts.lines import CARRIED, FOLDER, compute, params, with_inputs
from tests.artefacts.models import MODELS, SSD, WRITTEN

BY_NAME = {model.name: model for model in MODELS}
V1, HDF5 = BY_NAME["v1_lenet"], BY_NAME["h5_m4"]
DET1, DET2 = BY_NAME["MTCNNv1_det1"], BY_NAME["MTCNNv1_det2"]
FACE, EYE = BY_NAME["deeplandmark_1F"], BY_NAME["deeplandmark_2LE1"]

in_folder = pytest.mark.skipif(FOLDER is None, reason="ARTEFACTS names no folder")


def assert_close(found, expected, limit):
    for blob, value in expected.items():
        assert found[blob].shape == value.shape, blob
        error = np.abs(found[blob] - value.astype(np.float64)).max() / np.abs(value).max()
        assert error <= limit, f"{blob}: {error:.1e} of its largest magnitude"


def all_blobs(net):
    to_numpy = net.device.to_numpy
    return [to_numpy(blob.data) for step in net.steps for blob in step.layer.blobs]


def fresh(model, root=CARRIED):
    return Net(model.definition(root), NetState(phase=TEST))


def test_the_table_is_sound():
    assert len(BY_NAME) == len(MODELS)
    carried = [model for model in MODELS if not model.missing(CARRIED)]
    assert len(carried) == 21
    carried += [model for model in SSD if not model.missing(CARRIED)]
    kept = {name for model in carried for name in model.files()}
    kept |= {
        "README.md",
        "__init__.py",
        "lines.py",
        "models.py",
        "mtcnn_kpzhang93/LICENSE",
        TRAIN_TEST,
    }
    files = {path for path in CARRIED.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {path.relative_to(CARRIED).as_posix() for path in files} == kept


@pytest.mark.parametrize(("model", "root"), params(MODELS))
def test_computes_what_the_original_computed(device, model, root):
    net, copied = model.build(root, device)
    assert copied.kept == []
    assert tuple(copied.ignored) == model.ignored or model.upto
    inputs, expected = model.arrays(root)
    assert_close(compute(net, inputs, expected), expected, model.limit)


@pytest.mark.parametrize(("model", "root"), params(MODELS))
def test_in_float64_all_are_within_1e_5(model, root):
    """Without our own rounding what is left is that of the original."""
    net, _ = model.build(root, dtype=np.float64)
    inputs, expected = model.arrays(root)
    assert_close(compute(net, inputs, expected), expected, 1e-5)


@pytest.mark.parametrize("as_hdf5", [False, True], ids=["binary", "hdf5"])
@pytest.mark.parametrize(("model", "root"), params([m for m in MODELS if m.weights]))
def test_saved_again_they_load_bit_for_bit(model, root, as_hdf5, tmp_path):
    net, _ = model.build(root)
    save_weights(net, tmp_path / "again", as_hdf5=as_hdf5)
    assert h5py.is_hdf5(tmp_path / "again") == as_hdf5
    other = Net(model.definition(root), NetState(phase=TEST))
    copied = load_weights(other, tmp_path / "again")
    assert (copied.kept, copied.ignored) == ([], [])
    assert all_blobs(net)
    for mine, theirs in zip(all_blobs(net), all_blobs(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("line", "root"), params(WRITTEN))
def test_saved_again_they_are_the_originals_files_byte_for_byte(line, root):
    net, copied = line.build(root)
    assert (copied.kept, copied.ignored) == ([], [])
    path = root / line.weights
    again = net_to_proto(net)
    if line.image:  # the layer that reads the database says where its author had it
        again.layer[0].CopyFrom(binary.read(path, NetParameter).layer[0])
    assert binary.to_bytes(again) == path.read_bytes()


# a recurrent net's sequences, or a fixed Reshape, are not a batch to cut
BATCHES = [m for m in MODELS if isinstance(m.refs, str) and "made_" not in m.refs]


@pytest.mark.parametrize(("model", "root"), params(BATCHES))
def test_an_images_result_does_not_depend_on_its_batch(model, root):
    net, _ = model.build(root)
    inputs, expected = model.arrays(root)
    whole = compute(net, inputs, expected)
    last = compute(net, {name: value[-1:] for name, value in inputs.items()}, expected)
    assert_close(last, {name: value[-1:] for name, value in whole.items()}, 1e-5)
    thrice = {name: np.concatenate([value] * 3) for name, value in inputs.items()}
    repeated = {name: np.concatenate([value] * 3) for name, value in whole.items()}
    assert_close(compute(net, thrice, expected), repeated, 1e-5)
    again = compute(net, inputs, expected)
    for name, value in whole.items():
        np.testing.assert_array_equal(again[name], value)


RAW = {
    "FLOAT16": (np.float16, 2e-3),  # what the fork writes: half the size, three digits
    "FLOAT": (np.float32, 1e-5),
    "DOUBLE": (np.float64, 1e-5),
}


def as_nvidia_writes(weights, name):
    """``weights`` with each blob's values in ``raw_data``, as NVIDIA's fork stores them."""
    dtype = np.dtype(RAW[name][0]).newbyteorder("<")
    for layer in weights.layer:
        for blob in layer.blobs:
            blob.raw_data_type = BlobProto.RawType.Value(name)
            blob.raw_data = np.array(blob.data, dtype).tobytes()
            blob.ClearField("data")
    return weights


@pytest.mark.parametrize("name", RAW)
def test_raw_data_of_nvidias_fork(device, name, tmp_path):
    dtype, limit = RAW[name]
    weights = as_nvidia_writes(binary.read(CARRIED / DET1.weights, NetParameter), name)
    (tmp_path / "raw.caffemodel").write_bytes(weights.SerializeToString())
    net = Net(DET1.definition(CARRIED), NetState(phase=TEST), device)
    assert load_weights(net, tmp_path / "raw.caffemodel").kept == []
    original, _ = DET1.build(CARRIED)
    for mine, theirs in zip(all_blobs(net), all_blobs(original), strict=True):
        np.testing.assert_array_equal(mine, theirs.astype(dtype).astype(np.float32))
    inputs, expected = DET1.arrays(CARRIED)
    assert_close(compute(net, inputs, expected), expected, limit)


def test_a_v1_file_without_an_extension_is_upgraded():
    weights = binary.read(CARRIED / V1.weights, NetParameter)
    assert (len(weights.layer), len(weights.layers)) == (0, 9)
    bias = next(layer for layer in weights.layers if layer.name == "ip1").blobs[1]
    assert (bias.num, bias.channels, bias.height, bias.width) == (1, 1, 1, 500)
    net, copied = V1.build(CARRIED)
    assert sorted(copied.copied) == ["conv1", "conv2", "ip1", "ip2"]
    assert net.steps[-2].layer.blobs[1].shape == (10,)


def test_weights_of_another_net_change_nothing():
    net, _ = V1.build(CARRIED)
    before = [blob.copy() for blob in all_blobs(net)]
    with pytest.raises(WeightsError, match=r"'conv1' .*\(28, 3, 3, 3\).*\(20, 1, 5, 5\)"):
        load_weights(net, CARRIED / DET2.weights)
    for mine, theirs in zip(all_blobs(net), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_rest_of_a_renamed_net_starts_afresh():
    """As one starts from another's filters: layers that do not fit get new names."""
    definition = FACE.definition(CARRIED)
    for layer in definition.layer:
        if layer.name.startswith("fc"):
            layer.name = f"new-{layer.name}"
    net = Net(definition, NetState(phase=TEST))
    copied = load_weights(net, CARRIED / EYE.weights)
    assert sorted(copied.copied) == ["conv1", "conv2"]
    assert sorted(copied.ignored) == ["fc1", "fc2"]
    assert sorted(copied.kept) == ["conv3", "conv4", "new-fc1", "new-fc2"]


TRAIN_TEST = "cifar10_cmsisnn/models/cifar10_m4_train_test.prototxt"


def test_a_train_val_net_tests_with_the_weights_of_its_deploy(device):
    """Accuracy and loss follow from the probabilities that the original gave."""
    inputs, expected = HDF5.arrays(CARRIED)
    probabilities = expected["prob"].astype(np.float64)
    count = len(probabilities)
    labels = np.array([3, 8, 8, 0, 6, 6, 1, 6])[:count]  # of CIFAR-10's first test images
    definition = with_inputs(read_net(CARRIED / TRAIN_TEST), inputs["data"].shape)
    net = Net(definition, NetState(phase=TEST), device)
    assert load_weights(net, CARRIED / HDF5.weights).kept == []
    found = compute(net, inputs | {"label": labels}, {"accuracy": None, "loss": None})
    right = probabilities.argmax(axis=1) == labels
    assert 0 < right.sum() < count
    assert found["accuracy"] == pytest.approx(right.mean())
    loss = -np.log(probabilities[np.arange(count), labels]).mean()
    assert found["loss"] == pytest.approx(loss, rel=1e-5)


@pytest.mark.slow
@in_folder
def test_the_folder_is_the_collection():
    """A mistyped path would skip every case; references that no line knows would go unread."""
    here = {path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/refs/*.npz")}
    known = {model.refs for model in [*MODELS, *SSD] if isinstance(model.refs, str)}
    assert here
    assert here <= known


@pytest.mark.slow
@in_folder
def test_a_definition_of_2014_runs_with_its_weights():
    """V1, of a fork that knew whether images are in colour."""
    path = FOLDER / "lenet_fooling" / "lenet" / "lenet_image_memory_data.prototxt"
    if not path.exists():
        pytest.skip(f"ARTEFACTS has no {path}")
    net = Net(with_inputs(read_net(path, lenient=True), (1, 1, 28, 28)))
    assert load_weights(net, CARRIED / V1.weights).kept == []
    inputs, expected = V1.arrays(CARRIED)
    assert_close(compute(net, inputs, expected), expected, V1.limit)


@pytest.mark.slow
@in_folder
def test_every_weights_file_is_read_or_refused():
    """Also those of forks: what of them no layer here is called like is left out."""
    paths = [*FOLDER.rglob("*.caffemodel"), *FOLDER.rglob("*.caffemodel.h5")]
    assert paths
    for path in paths:
        try:
            copied = load_weights(fresh(V1), path)
        except MinicaffeError as error:
            said = str(error)  # another net's layers of the same names
        else:
            said = f"expected {copied}" if copied.copied or copied.ignored else ""
        assert "expected" in said, path
