"""Where nets are built: one setting for the whole process."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.device import Device
from minicaffe.errors import DeviceError
from minicaffe.pycaffe import mode
from tests import fake_cupy
from tests.cli.test_device import CudaError, install


@pytest.fixture(autouse=True)
def _as_it_was():
    before = dict(vars(mode._mode))
    yield
    vars(mode._mode).update(before)


def test_the_cpu_at_first():
    assert mode.device().index is None
    assert mode.device().xp is np


def test_the_gpu_and_back(monkeypatch):
    cupy, used = install(monkeypatch, 2)
    rng = mode.device().rng
    caffe.set_mode_gpu()
    assert (mode.device().xp, mode.device().index, used) == (cupy, 0, [0])
    assert mode.device().rng is rng
    caffe.set_mode_cpu()
    assert (mode.device().xp, mode.device().index) == (np, None)


def test_a_device_before_the_mode_and_after_it(monkeypatch):
    _, used = install(monkeypatch, 3)
    caffe.set_device(2)
    assert mode.device().index is None  # it only says which
    caffe.set_mode_gpu()
    assert mode.device().index == 2
    caffe.set_device(1)
    assert mode.device().index == 1
    assert used == [2, 2, 1]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (caffe.set_mode_gpu, r"^set_mode_gpu\(\): CuPy is not installed.*pip install 'minicaffe"),
        (lambda: caffe.set_device(0), r"^set_device\(0\): CuPy is not installed.*pip install"),
    ],
)
def test_without_cupy(monkeypatch, call, why):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=why):
        call()
    assert mode.device().index is None


@pytest.mark.parametrize("count", [0, CudaError("no driver")])
def test_without_a_gpu(monkeypatch, count):
    install(monkeypatch, count)
    with pytest.raises(DeviceError, match=r"no CUDA device is found.*set_mode_cpu\(\)"):
        caffe.set_mode_gpu()
    assert mode.device().index is None


@pytest.mark.parametrize("number", [2, -1])
def test_a_device_that_is_not_there(monkeypatch, number):
    install(monkeypatch, 2)
    with pytest.raises(DeviceError, match=rf"device is {number}, expected one of 0 \(Tesla 0\), 1"):
        caffe.set_device(number)
    caffe.set_mode_gpu()
    assert mode.device().index == 0


def test_the_mode_is_that_of_every_thread(monkeypatch):
    install(monkeypatch, 1)
    caffe.set_mode_gpu()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(mode.device().index))
    thread.start()
    thread.join()
    assert seen == [0]


def test_a_device_of_ones_own():
    device = Device(fake_cupy, 0, np.random.default_rng(1))
    mode.use(device)
    assert mode.device() is device


def test_a_seed_gives_the_same_again():
    caffe.set_random_seed(1701)
    first = mode.device().rng.standard_normal(3)
    caffe.set_random_seed(1701)
    assert (mode.device().rng.standard_normal(3) == first).all()
    caffe.set_random_seed(1702)
    assert (mode.device().rng.standard_normal(3) != first).all()


def test_a_seed_reaches_what_was_built_before():
    rng = mode.device().rng
    caffe.set_random_seed(5)
    first = rng.random()
    caffe.set_random_seed(5)
    assert rng.random() == first


def test_a_seed_holds_on_both_devices(monkeypatch):
    install(monkeypatch, 1)
    caffe.set_random_seed(5)
    first = mode.device().rng.random()
    caffe.set_random_seed(5)
    caffe.set_mode_gpu()
    assert mode.device().rng.random() == first


def test_a_negative_seed_is_one_too():
    caffe.set_random_seed(-1)
    first = mode.device().rng.random()
    caffe.set_random_seed(-1)
    assert mode.device().rng.random() == first


def test_what_scripts_for_several_gpus_note():
    assert (caffe.solver_count(), caffe.solver_rank()) == (1, 0)
    caffe.set_solver_count(4)
    caffe.set_solver_rank(3)
    caffe.set_multiprocess(True)
    assert (caffe.solver_count(), caffe.solver_rank()) == (4, 3)


def test_counts_that_make_no_sense():
    with pytest.raises(DeviceError, match=r"count of solvers is 0, expected >= 1"):
        caffe.set_solver_count(0)
    with pytest.raises(DeviceError, match=r"rank of a solver is -1, expected >= 0"):
        caffe.set_solver_rank(-1)
