"""Blob: lazy arrays, memory that only grows, sharing."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError


def test_starts_as_float32_zeros(device):
    blob = Blob(device, (2, 3))
    assert blob.data.dtype == blob.diff.dtype == np.float32
    assert not device.to_numpy(blob.data).any()


def test_diff_takes_no_memory_before_it_is_asked_for(device):
    blob = Blob(device, (2, 3))
    assert not blob.has_diff
    blob.diff[...] = 1
    assert blob.has_diff


def test_a_smaller_shape_keeps_memory_and_contents(device):
    blob = Blob(device, (4, 3))
    blob.data[...] = device.xp.asarray(np.arange(12.0).reshape(4, 3))
    blob.reshape((2, 3))
    np.testing.assert_array_equal(device.to_numpy(blob.data), np.arange(6).reshape(2, 3))
    blob.reshape((4, 3))
    np.testing.assert_array_equal(device.to_numpy(blob.data), np.arange(12).reshape(4, 3))


def test_a_larger_shape_is_zero(device):
    blob = Blob(device, (2,))
    blob.data[...] = 7
    blob.reshape((3, 5))
    assert blob.data.shape == (3, 5)
    assert not device.to_numpy(blob.data).any()


def test_the_view_is_the_same_until_the_shape_changes(device):
    blob = Blob(device, (2, 3))
    assert blob.data is blob.data
    before = blob.data
    blob.reshape([2, 3])
    assert blob.data is before
    blob.reshape((3, 2))
    assert blob.data.shape == (3, 2)


def test_sharing_follows_when_the_owner_gets_other_memory(device):
    one, other = Blob(device, (2, 3)), Blob(device, (6,))
    other.share_data(one)
    one.set_data(device.xp.asarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)))
    np.testing.assert_array_equal(device.to_numpy(other.data), np.arange(6))
    other.data[...] = 1
    assert (device.to_numpy(one.data) == 1).all()
    other.diff[...] = 5
    assert not device.to_numpy(one.diff).any()
    other.share_diff(one)
    one.diff[...] = 2
    assert (device.to_numpy(other.diff) == 2).all()


def test_knows_whether_another_blob_shares_it(device):
    one, other = Blob(device, (2,)), Blob(device, (2,))
    assert not one.is_shared
    other.share_data(one)
    other.share_data(one)
    assert one.is_shared
    assert other.is_shared
    other.share_data(Blob(device, (2,)))
    assert not one.is_shared


def test_32_axes_are_the_most(device):
    assert Blob(device, (1,) * 32).ndim == 32
    with pytest.raises(ShapeError, match="has 33 axes, expected at most 32"):
        Blob(device, (1,) * 33)


def test_refuses_a_negative_axis(device):
    with pytest.raises(ShapeError, match=r"shape is \(2, -1\), expected no negative axis"):
        Blob(device, (2, -1))


def test_counts_beyond_32_bits(device):
    assert Blob(device, (3, 2**40)).count == 3 * 2**40  # and allocates nothing
    with pytest.raises(ShapeError, match="has 562949953421312 elements, expected at most 2814749"):
        Blob(device, (2, 2**40, 2**8))


@pytest.mark.parametrize(("axis", "expected"), [(0, 0), (2, 2), (-1, 2), (-3, 0)])
def test_canonical_axis(device, axis, expected):
    assert Blob(device, (2, 3, 4)).canonical_axis(axis) == expected


@pytest.mark.parametrize("axis", [3, -4])
def test_canonical_axis_refuses(device, axis):
    with pytest.raises(ShapeError, match=f"axis is {axis}, expected one of the 3"):
        Blob(device, (2, 3, 4)).canonical_axis(axis)
