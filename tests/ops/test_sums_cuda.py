"""Sums of a loss over many blocks, and the first bad value of all."""

from __future__ import annotations

from shutil import which

import numpy as np
import pytest

from minicaffe.ops import loss, softmax, sums_cuda
from tests.cuda_on_cpu import Case, compare, run_on_cpu

pytestmark = pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


@pytest.mark.parametrize("backwards", [False, True])
def test_more_blocks_than_one_has_threads(rng, monkeypatch, folder, backwards):
    monkeypatch.setattr(sums_cuda, "_AT_ONCE", 1)
    x, target = rng.standard_normal(257 * 256 + 3), rng.choice([0.0, 1.0], 257 * 256 + 3)
    case = Case(loss.sigmoid_cross_entropy, (x, target, 0.0, np.full(2, 7.0)))
    compare(case, *run_on_cpu(case, folder, backwards))
    target[[70, 300, 65000]] = np.nan
    _, (args, bad) = run_on_cpu(case, folder, backwards)
    assert bad.get() == 70
    assert np.isnan(args[3].get()[0])


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("bad", [[0], [199], [3, 150], []])
def test_the_first_bad_label_stays_on_the_device(rng, folder, bad, backwards):
    x, label = rng.standard_normal((200, 12, 1)), rng.integers(0, 12, (200, 1)).astype(float)
    label[bad] = 12
    case = Case(softmax.softmax_loss, (x, label, np.nan, np.full_like(x, 7), np.full(2, 7.0)))
    _, (_, found) = run_on_cpu(case, folder, backwards)
    assert hasattr(found, "get")
    assert found.get() == (bad or [-1])[0]
