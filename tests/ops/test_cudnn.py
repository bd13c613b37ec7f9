"""Whether cuDNN is there, and its handles; see ``tests.cudnn_on_cpu``."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from minicaffe.ops import cudnn
from tests import fake_cudnn
from tests.cudnn_on_cpu import STREAM, cudnn_on_cpu


def broken():
    raise RuntimeError("no sublibrary")


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (None, "cudnn"),
        (SimpleNamespace(backend_version=lambda: 89000), "its version is 89000"),
        (SimpleNamespace(backend_version=broken), "no sublibrary"),
        (SimpleNamespace(backend_version=lambda: 90000, create_handle=broken), "no sublibrary"),
        (SimpleNamespace(), "backend_version"),  # another package of this name
    ],
    ids=["missing", "old", "unloadable", "no handle", "other"],
)
def test_what_cannot_be_used_is_said_once(tmp_path, caplog, module, why):
    with cudnn_on_cpu(tmp_path, tmp_path, module):
        assert cudnn.library() is None
        assert cudnn.library() is None
    (line,) = caplog.messages
    assert why in line
    assert cudnn.INSTALL in line


def test_one_handle_a_thread_and_device(tmp_path, caplog):
    with cudnn_on_cpu(tmp_path, tmp_path) as cupy:
        assert cudnn.library() is fake_cudnn
        first = cudnn.handle(fake_cudnn)
        assert cudnn.handle(fake_cudnn) is first
        assert first.stream == STREAM
        others = []
        thread = threading.Thread(target=lambda: others.append(cudnn.handle(fake_cudnn)))
        thread.start()
        thread.join()
        cupy.cuda.runtime.getDevice = lambda: 1
        others.append(cudnn.handle(fake_cudnn))
        assert len({id(each) for each in [first, *others]}) == 3
        cupy.stream.ptr = 5
        assert cudnn.handle(fake_cudnn).stream == 5
        assert first.stream == STREAM
    assert not caplog.messages
