"""NCCL is a name that scripts ask about."""

from __future__ import annotations

import pytest

import minicaffe as caffe
from minicaffe.errors import DeviceError


def test_a_script_that_asks_first():
    if caffe.has_nccl():
        assert isinstance(caffe.NCCL.new_uid(), bytes)
    assert caffe.has_nccl() is False


@pytest.mark.parametrize("call", [caffe.NCCL.new_uid, lambda: caffe.NCCL(None, b"uid")])
def test_a_script_that_does_not(call):
    with pytest.raises(DeviceError, match=r"several devices is not supported yet.*set_device"):
        call()
