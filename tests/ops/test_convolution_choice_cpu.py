"""Whichever body is chosen, a convolution is the same; and only those that can do it are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import choice, deconvolution
from minicaffe.ops import convolution as ops
from minicaffe.ops import convolution_choice_cpu as chooser
from minicaffe.ops.choice import Choices
from minicaffe.ops.convolution import Window

SHAPE, OUTPUTS, GROUPS = (3, 6, 9, 7), 10, 2


@pytest.fixture(params=["columns", "winograd"])
def chosen(request, monkeypatch):
    """The works that a body was chosen for; it is always the same one."""
    works = []

    class Fixed(Choices):
        def choose(self, work, bodies):
            works.append(work)
            for run in bodies.values():
                run()  # as if they were measured
            return request.param

    monkeypatch.setattr(chooser, "_LEAST_WORK", 0)
    monkeypatch.setattr(chooser, "_choices", lambda: Fixed(None))
    return works


def arrays(rng, pad, dtype=np.float32, groups=GROUPS):
    window = Window((3, 3), (1, 1), pad, (1, 1))
    y_shape = SHAPE[0], OUTPUTS, *window.out(SHAPE[2:])
    shapes = SHAPE, (OUTPUTS, SHAPE[1] // groups, 3, 3), (OUTPUTS,), y_shape
    return window, *(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def gradients(run, arrays, wanted=(True, True, True)):
    window, x, w, bias, dy = arrays
    starts = np.full_like(x, np.nan), np.ones_like(w), np.ones_like(bias)
    grads = [start if want else None for start, want in zip(starts, wanted, strict=True)]
    run(x if wanted[1] else None, w, dy, *grads, window)
    return grads


def reference(*args):
    ops.convolution_grad.reference(np, *args)


def check(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("relu", [False, True])
def test_outputs(rng, chosen, relu):
    window, x, w, bias, y = arrays(rng, (1, 2))
    found, expected = np.full_like(y, np.nan), np.empty_like(y)
    ops.convolution(np, x, w, bias, found, window, relu)
    ops.convolution.reference(np, x, w, bias, expected, window, relu)
    check([found], [expected])
    assert len(chosen) == 1
    assert chosen[0].startswith("forward")


@pytest.mark.parametrize("wanted", list(product([False, True], repeat=3)))
def test_only_the_gradients_that_are_wanted(rng, chosen, wanted):
    case = arrays(rng, (1, 1))
    run = ops.convolution_grad.compiled
    check(gradients(run, case, wanted), gradients(reference, case, wanted))
    assert len(chosen) == wanted[0] + wanted[1]


def test_a_pad_of_which_the_data_gradient_is_no_such_convolution(rng, chosen):
    case = arrays(rng, (3, 1))
    check(gradients(ops.convolution_grad.compiled, case), gradients(reference, case))
    assert [work.split(" of ")[0] for work in chosen] == ["weight gradient"]


def test_deconvolution(rng, chosen):
    window, x, w, _, y = arrays(rng, (1, 1))
    found, expected, bias = np.full_like(x, np.nan), np.empty_like(x), np.ones(6, np.float32)
    deconvolution.deconvolution(np, y, w, bias, found, window)
    deconvolution.deconvolution.reference(np, y, w, bias, expected, window)
    check([found], [expected])
    assert len(chosen) == 1


@pytest.mark.parametrize(
    ("window", "dtype", "groups"),
    [
        (Window((3, 3), (1, 1), (1, 1), (1, 1)), np.float64, 1),
        (Window((3, 3), (1, 2), (1, 1), (1, 1)), np.float32, 1),
        (Window((3, 3), (1, 1), (1, 1), (2, 1)), np.float32, 1),
        (Window((3, 2), (1, 1), (1, 1), (1, 1)), np.float32, 1),
        (Window((3,), (1,), (1,), (1,)), np.float32, 1),
        (Window((3, 3), (1, 1), (1, 1), (1, 1)), np.float32, 6),
    ],
)
def test_other_convolutions_are_not_measured(rng, chosen, window, dtype, groups):
    shape, outputs = (2, 6, 9, 8)[: 2 + len(window.kernel)], 12
    x = rng.standard_normal(shape).astype(dtype)
    w = rng.standard_normal((outputs, 6 // groups, *window.kernel)).astype(dtype)
    y = np.full((2, outputs, *window.out(shape[2:])), np.nan, dtype)
    expected, case = np.empty_like(y), (window, x, w, np.ones(outputs, dtype), y)
    ops.convolution(np, x, w, None, y, window)
    ops.convolution.reference(np, x, w, None, expected, window)
    check([y], [expected])
    check(gradients(ops.convolution_grad.compiled, case), gradients(reference, case))
    assert chosen == []


def test_a_small_one_is_not_measured(rng, chosen, monkeypatch):
    case = arrays(rng, (1, 1))
    window, x, w, bias, y = case
    work = w.size * y.size // OUTPUTS
    monkeypatch.setattr(chooser, "_LEAST_WORK", work + 1)
    ops.convolution(np, x, w, bias, y, window)
    assert chosen == []
    monkeypatch.setattr(chooser, "_LEAST_WORK", work)
    ops.convolution(np, x, w, bias, y, window)
    assert len(chosen) == 1


def test_deterministic_gives_the_bits_of_columns(rng, monkeypatch):
    monkeypatch.setattr(chooser, "_LEAST_WORK", 0)
    monkeypatch.setattr(choice, "_deterministic", True)
    monkeypatch.setattr(choice, "fastest", lambda bodies: pytest.fail("measured"))
    case = arrays(rng, (1, 1))
    window, x, w, bias, y = case
    found, expected = np.empty_like(y), np.empty_like(y)
    ops.convolution(np, x, w, bias, found, window)
    chooser.by_columns.convolution(x, w, bias, expected, window)
    np.testing.assert_array_equal(found, expected)
    found = gradients(ops.convolution_grad.compiled, case)
    expected = gradients(chooser.by_columns.convolution_grad, case)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_table_lies_with_the_kernels():
    path = chooser._choices().path
    assert path is None or path.parent.parent.name == "convolution_choice_cpu"


def test_what_is_planned_is_what_has_been_measured(rng, monkeypatch):
    monkeypatch.setattr(choice, "_deterministic", False)
    monkeypatch.setattr(chooser, "_LEAST_WORK", 0)
    choices = Choices(None)
    monkeypatch.setattr(chooser, "_choices", lambda: choices)
    window, x, w, bias, y = arrays(rng, (1, 1))

    def planned():
        return ops.planned(x.shape, w.shape, w.dtype, y.shape, window)

    later = "measured when first run"
    assert planned() == dict.fromkeys(["forward", "data gradient", "weight gradient"], later)
    monkeypatch.setattr(choice, "fastest", lambda bodies: "winograd")
    chooser.convolution(x, w, bias, y, window)
    assert planned()["forward"] == "winograd"
    assert planned()["data gradient"] == later
    monkeypatch.setattr(choice, "_deterministic", True)
    assert set(planned().values()) == {"columns"}


@pytest.mark.parametrize(
    ("x", "w", "y", "kernel", "body"),
    [
        ((8, 64, 20, 20), (64, 64, 1, 1), (8, 64, 20, 20), 1, "columns"),
        ((8, 64, 20, 20), (64, 1, 3, 3), (8, 64, 18, 18), 3, "depthwise"),
        ((1, 3, 5, 5), (2, 3, 3, 3), (1, 2, 3, 3), 3, "columns"),  # not worth measuring
    ],
)
def test_plans_without_a_choice(x, w, y, kernel, body):
    window = Window((kernel,) * 2, (1, 1), (0, 0), (1, 1))
    assert ops.planned(x, w, np.dtype(np.float32), y, window) == {"forward": body}
