"""Every layer type against numbers that the original gave, through a whole net.

``golden/layers/NAME.prototxt`` is the net and ``NAME.npz`` what the original computed: ``in/BLOB``
and ``param/I`` went in, ``out/BLOB`` came out, ``gout/BLOB`` was set as gradient, ``gin/BLOB`` and
``gparam/I`` are the gradients that came back, ``param_after/I`` what a forward changed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minicaffe.layers import layer_classes
from minicaffe.net import Net
from minicaffe.proto import minicaffe_pb2 as pb
from minicaffe.proto.text import read_net

FOLDER = Path(__file__).parent / "golden" / "layers"
PROTOTXTS = sorted(FOLDER.glob("*.prototxt"))


def _types(path: Path) -> set[str]:
    return {layer.type for layer in read_net(path).layer}


# what the original gets wrong and we do not; docs/differences.md has each
DIFFERENT = {
    ("power_inplace", "gin/x"): "in place it overwrites the gradient from above with scale squared"
}

CASES = [path.stem for path in PROTOTXTS]


def test_cases_are_there():
    assert len(CASES) == 187


def test_types_without_a_case_are_known():
    """These read files, take their values from the caller, or run code of the user's."""
    covered = set.union(*map(_types, PROTOTXTS))
    sources = {"Data", "DummyData", "HDF5Data", "ImageData", "MemoryData", "WindowData"}
    others = {"HDF5Output", "Parameter", "Python", "Silence"}
    caffes = {name for name, cls in layer_classes().items() if cls.origin == "Caffe 1.0"}
    assert caffes - covered == sources | others


def group(arrays, kind):
    return {key.split("/", 1)[1]: arrays[key] for key in arrays if key.startswith(f"{kind}/")}


def spoil_what_backward_does_not_read(net):
    """In a command others write there: see ``Layer.backward_reads``."""
    read = {id(blob.memories[0]) for stage in net.stages for blob in stage.read_backward()}
    read |= {id(blob.memories[0]) for step in net.steps for blob in step.layer.blobs}
    for blob in net.blobs.values():
        if id(blob.memories[0]) not in read:
            blob.data[...] = np.nan


@pytest.mark.parametrize("name", CASES)
def test_matches_original(device, name):
    arrays = dict(np.load(FOLDER / f"{name}.npz"))
    state = pb.NetState(phase=pb.Phase.Value(str(arrays["phase"])))
    net = Net(read_net(FOLDER / f"{name}.prototxt"), state, device)
    blobs = next(step.layer for step in net.steps if step.name == "layer").blobs
    for key, value in group(arrays, "param").items():
        blobs[int(key)].data[...] = device.xp.asarray(value)
    for key, value in group(arrays, "in").items():
        net.blobs[key].data[...] = device.xp.asarray(value)
    net.forward()
    outputs = group(arrays, "out")
    assert outputs

    def check(kind, found, expected):
        found = device.to_numpy(found)
        assert found.shape == expected.shape, kind
        if (name, kind) in DIFFERENT:
            assert not np.allclose(found, expected, rtol=1e-2), DIFFERENT[name, kind]
            return
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-3)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-6 * scale, err_msg=kind)

    for key, value in outputs.items():
        check(f"out/{key}", net.blobs[key].data, value)
    for key, value in group(arrays, "param_after").items():
        check(f"param_after/{key}", blobs[int(key)].data, value)
    for key, value in group(arrays, "gout").items():
        net.blobs[key].diff[...] = device.xp.asarray(value)
    spoil_what_backward_does_not_read(net)
    net.clear_param_diffs()
    net.backward()
    for key, value in group(arrays, "gin").items():
        check(f"gin/{key}", net.blobs[key].diff, value)
    for key, value in group(arrays, "gparam").items():
        check(f"gparam/{key}", blobs[int(key)].diff, value)
