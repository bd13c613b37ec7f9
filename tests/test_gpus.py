"""What is wrong where a GPU cannot be used: each in one line, with what to do."""

from __future__ import annotations

import ctypes
import sys

import pytest

from minicaffe import gpus
from minicaffe.errors import DeviceError
from tests.cli.test_device import CudaError, install

TOO_OLD = CudaError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")


def refused(match, call=gpus.count_gpus):
    with pytest.raises(DeviceError, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("driver", "advice"),
    [
        (0, r"pip install 'minicaffe\[cuda12\]', or .*no NVIDIA driver is found either"),
        (12080, r"pip install 'minicaffe\[cuda12\]', as the driver has CUDA 12\.8"),
        (13010, r"pip install 'minicaffe\[cuda13\]', as the driver has CUDA 13\.1"),
    ],
)
def test_no_cupy(driver, advice, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(gpus, "driver_cuda", lambda: driver)
    refused(f"^CuPy is not installed, expected it: {advice}")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("raise ImportError('libcudart.so: cannot open\\nmore')", "loaded: libcudart.*open; pip"),
        ("import not_a_package_of_anyone", "cannot be loaded: No module named 'not_a_pack"),
    ],
)
def test_a_cupy_that_cannot_be_loaded(text, match, monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text(text)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    refused(match)


def test_no_driver(monkeypatch):
    install(monkeypatch, TOO_OLD, driver=0)
    refused(r"no NVIDIA driver is loaded, expected one for CUDA 12: install it")


def test_a_driver_that_is_too_old(monkeypatch):
    install(monkeypatch, TOO_OLD, driver=12040, built=13000)
    refused(r"driver has CUDA 12\.4, expected 13\.0 or newer.*, or pip install cupy-cuda12x")
    install(monkeypatch, TOO_OLD, driver=11080)
    refused(r"driver has CUDA 11\.8, expected 12\.0 or newer, .*: install a newer driver$")


def test_no_device(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    install(monkeypatch, CudaError("cudaErrorNoDevice: no CUDA-capable device is detected"))
    refused("^no CUDA device is found: cudaErrorNoDevice: .* detected; see what nvidia-smi says$")


def test_a_device_that_is_hidden(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    install(monkeypatch, 0)
    refused("CUDA_VISIBLE_DEVICES is '', which may hide it")


def test_no_compiler(monkeypatch):
    cupy, used = install(monkeypatch, 1, nvrtc=RuntimeError('Failure finding "libnvrtc.so"\nmore'))
    refused(
        r"compiler is not found \(Failure finding \"libnvrtc.so\"\).*pip install 'cupy-cuda12",
        lambda: gpus.use_gpu(cupy, 0),
    )
    assert used == [0]


def test_what_there_is(monkeypatch):
    cupy, _ = install(monkeypatch, 2)
    assert gpus.count_gpus() == (cupy, 2)
    assert gpus.list_gpus(cupy, 2) == "0 (Tesla 0), 1 (Tesla 1)"
    gpus.use_gpu(cupy, 1)


@pytest.mark.parametrize(("failed", "expected"), [(0, 12040), (3, 0)])
def test_what_the_driver_runs(failed, expected, monkeypatch):
    class Library:
        def cuDriverGetVersion(self, pointer):  # noqa: N802
            pointer._obj.value = 12040
            return failed

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    assert gpus.driver_cuda() == expected


def test_no_library_of_the_drivers(monkeypatch):
    monkeypatch.setattr(gpus, "_LIBRARY", "libno-such-thing.so.1")
    assert gpus.driver_cuda() == 0


def test_the_stand_in_has_the_names_of_cupy(monkeypatch):
    real = pytest.importorskip("cupy")
    fake, _ = install(monkeypatch, 1)
    for name in vars(fake.cuda):
        assert hasattr(real.cuda, name), name
    for name in vars(fake.cuda.runtime):
        assert hasattr(real.cuda.runtime, name), name
