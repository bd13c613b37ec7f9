"""Arrays of the host and of a device, kept in step as the original's SyncedMemory does."""

from __future__ import annotations

import numpy as np
import pytest

import minicaffe as caffe

X = np.ones((4, 3, 6, 5), np.float32)


def on_device(net, blob, kind="data"):
    return net.engine.device.to_numpy(getattr(blob.blob, kind))


def test_what_is_assigned_counts_in_the_next_forward(deploy):
    before = deploy.forward(data=X)["prob"].copy()
    deploy.params["ip"][0].data[...] = 0
    np.testing.assert_allclose(deploy.forward()["prob"], 1 / 7, rtol=1e-6)
    deploy.blobs["ip"].data[0, 3] = 99
    after = deploy.forward(start="prob")["prob"]
    assert after[0, 3] == 1
    assert not np.allclose(after, before)


def test_reading_after_a_forward_gives_the_new_values(deploy):
    for factor in (1, 2, 3):
        out = deploy.forward(data=factor * X, blobs=["data"])["data"]
        np.testing.assert_array_equal(out, factor * X)
        np.testing.assert_array_equal(deploy.blobs["data"].data, out)


def test_gradients_are_written_and_read(deploy):
    deploy.forward(data=X)
    deploy.blobs["prob"].diff[...] = 0
    deploy.blobs["prob"].diff[:, 2] = 1
    first = deploy.backward()["data"].copy()
    deploy.blobs["prob"].diff[...] *= 2
    np.testing.assert_allclose(deploy.backward()["data"], 2 * first, rtol=1e-5)


def test_cleared_gradients_stay_cleared(deploy):
    deploy.params["ip"][0].diff[...] = 5
    deploy.clear_param_diffs()
    assert not deploy.params["ip"][0].diff.any()
    deploy.forward()
    assert not on_device(deploy, deploy.params["ip"][0], "diff").any()


def test_what_is_saved_or_loaded_is_what_was_assigned(deploy, tmp_path):
    deploy.params["ip"][0].data[...] = 5
    deploy.save_hdf5(tmp_path / "w.h5")
    deploy.params["ip"][0].data[...] = 6
    deploy.load_hdf5(tmp_path / "w.h5")
    assert (deploy.params["ip"][0].data == 5).all()
    assert (on_device(deploy, deploy.params["ip"][0]) == 5).all()


def test_weights_shared_between_nets(deploy, written):
    from tests.pycaffe.nets import DEPLOY

    other = caffe.Net(written(DEPLOY), caffe.TEST)
    other.share_with(deploy)
    deploy.params["ip"][0].data[...] = 0
    np.testing.assert_allclose(other.forward(data=X)["prob"], 1 / 7, rtol=1e-6)
    other.params["ip"][1].data[...] = [0, 0, 99, 0, 0, 0, 0]
    np.testing.assert_allclose(deploy.forward(data=X)["prob"][:, 2], 1)


@pytest.mark.parametrize("when", ["before_forward", "after_forward"])
def test_hooks_write_to_the_device(deploy, when):
    index = list(deploy.layer_dict).index("prob" if when == "before_forward" else "ip")

    def write(layer):
        if layer == index:
            deploy.blobs["ip"].data[...] = 0

    getattr(deploy, when)(write)
    np.testing.assert_allclose(deploy.forward(data=X)["prob"], 1 / 7, rtol=1e-6)


def test_reshape_by_a_user_after_assigning(deploy):
    deploy.blobs["data"].data[...] = X
    deploy.blobs["data"].reshape(2, 3, 6, 5)
    np.testing.assert_array_equal(deploy.forward(blobs=["data"])["data"], X[:2])


def test_nets_on_two_devices_at_once(deploy, written, tmp_path):
    from minicaffe.device import cpu
    from minicaffe.pycaffe import mode
    from tests.pycaffe.nets import DEPLOY

    deploy.save(tmp_path / "w")
    mode.use(cpu())
    other = caffe.Net(written(DEPLOY), caffe.TEST, weights=tmp_path / "w")
    assert other.engine.device.xp is np
    np.testing.assert_allclose(
        deploy.forward(data=X)["prob"], other.forward(data=X)["prob"], rtol=1e-4
    )
