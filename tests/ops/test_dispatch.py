"""Which body of an op runs where."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

import minicaffe.ops
from minicaffe.ops import OPS, dispatch, reference_bodies
from minicaffe.ops.dispatch import Op
from tests import fake_cupy

for module in iter_modules(minicaffe.ops.__path__, "minicaffe.ops."):
    if not module.name.endswith("_cpu"):
        import_module(module.name)


def square(xp, x):
    """A reference body."""
    return ("reference", xp.multiply(x, x))


@pytest.fixture
def op(monkeypatch):
    op = Op(square, "no.such.module")
    op.compiled = lambda x: ("compiled", x * x)
    return op


def test_numpy_runs_the_compiled_body(op):
    assert op(np, 3) == ("compiled", 9)


def test_other_modules_run_the_reference(op):
    assert op(fake_cupy, 3) == ("reference", 9)


def test_the_reference_can_be_asked_for(op):
    with reference_bodies():
        assert op(np, 3) == ("reference", 9)
    assert op(np, 3) == ("compiled", 9)


def test_without_numba_the_reference_runs_and_one_line_says_so(op, monkeypatch, caplog):
    monkeypatch.setattr(dispatch, "_numba", None)
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    assert [op(np, 3)[0], op(np, 4)[0]] == ["reference", "reference"]
    assert len(caplog.messages) == 1
    assert "Numba is not installed" in caplog.messages[0]


def test_a_body_that_cannot_be_imported_is_replaced_and_one_line_says_so(caplog):
    broken = Op(square, "no.such.module")
    assert [broken(np, 3)[0], broken(np, 4)[0]] == ["reference", "reference"]
    assert len(caplog.messages) == 1
    assert "no.such.module cannot be used" in caplog.messages[0]


class Cupy:
    """What ``xp`` is on a GPU, as far as dispatch looks."""

    __name__ = "cupy"
    multiply = staticmethod(np.multiply)


@pytest.fixture
def gpu_op(op):
    op.cuda = lambda x: ("cuda", x)
    return op


@pytest.mark.parametrize("x", [np.ones(3), np.ones((2, 3), np.float32), 3, [np.ones(3), None]])
def test_cupy_runs_the_body_for_the_gpu(gpu_op, x):
    assert gpu_op(Cupy(), x) == ("cuda", x)


@pytest.mark.parametrize(
    "x", [np.ones(3, np.float16), np.ones(3, complex), np.ones((2, 3)).T, np.ones(6)[::2]]
)
def test_what_kernels_do_not_take_runs_the_reference(gpu_op, x):
    assert gpu_op(Cupy(), x)[0] == "reference"
    assert gpu_op.reference.__name__ == "square"


def test_one_array_that_kernels_do_not_take_is_enough():
    op = Op(lambda xp, *args: "reference", "no.such.module")
    op.cuda = lambda *args: "cuda"
    assert op(Cupy(), np.ones(3), [np.ones(2), None]) == "cuda"
    assert op(Cupy(), np.ones(3), [np.ones(2), np.ones(4)[::2]]) == "reference"


def test_the_reference_can_be_asked_for_on_a_gpu(gpu_op):
    with reference_bodies():
        assert gpu_op(Cupy(), 3) == ("reference", 9)


def test_stand_ins_for_cupy_run_the_reference(gpu_op):
    assert gpu_op(fake_cupy, 3) == ("reference", 9)


def test_where_there_is_no_body_for_the_gpu_the_reference_runs(op):
    assert op.cuda is None
    assert op(Cupy(), 3) == ("reference", 9)


def test_the_body_for_the_gpu_is_found_by_its_place():
    from minicaffe.ops import pooling, pooling_cuda

    assert pooling.max_pool.cuda is pooling_cuda.max_pool


def test_docstrings_stay(op):
    assert op.__doc__ == "A reference body."


@pytest.mark.parametrize("name", OPS)
def test_every_compiled_body_is_there(name):
    assert callable(OPS[name].compiled)
    assert OPS[name].__doc__


def test_ops_are_found():
    assert len(OPS) >= 10
