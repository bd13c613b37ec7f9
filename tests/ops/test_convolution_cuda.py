"""Convolution on the GPU: by cuDNN, where it can; see ``tests.cudnn_on_cpu``, and ``-m gpu``."""

from __future__ import annotations

from functools import wraps
from itertools import product

import numpy as np
import pytest

from minicaffe.ops import choice, cudnn, cudnn_plans, products
from minicaffe.ops import convolution as ops
from minicaffe.ops import convolution_cuda as body
from minicaffe.ops.convolution import Window
from minicaffe.ops.products import Products
from tests import fake_cudnn
from tests.conftest import HAS_GPU
from tests.cuda_on_cpu import Case, host
from tests.cudnn_on_cpu import cudnn_on_cpu, forget
from tests.fake_cudnn import FakePlan
from tests.ops.test_columns_cuda import LARGE, make
from tests.ops.test_convolution import GEOMETRIES, TOLERANCE

NAMES = [name for name in GEOMETRIES if name not in LARGE]
BY_CUDNN = [name for name in NAMES if name not in ("no axis", "no image")]
BF16 = {"rtol": 2**-7, "atol": 0.1}  # of sums of some 50 products, rounded to 8 bits at the end


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def cupy(kernels, tmp_path):
    with cudnn_on_cpu(kernels, tmp_path) as module:
        yield module


@pytest.fixture
def without(kernels, tmp_path):
    with cudnn_on_cpu(kernels, tmp_path, None) as module:
        yield module


def asking(engine="DEFAULT", precision="fp32", xp=np):
    """What a layer with this engine on a device of this precision runs its ops in."""
    return products._Inside(xp, Products(engine, precision))


def by_columns(function):
    @wraps(function)
    def run(*args):
        with asking("CAFFE"):
            function(*args)

    return run


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``, which has no cuDNN."""
    for name in ("all unlike", "one axis", "no image"):
        x, w, bias, y, dy, window = make(rng, name, dtype)
        args = x, w, bias, y, window, True
        yield Case(ops.convolution, args, name, by_columns(body.convolution), **TOLERANCE[dtype])
        args = x, w, dy, np.full_like(x, 7), np.ones_like(w), np.ones_like(bias), window
        grad = by_columns(body.convolution_grad)
        yield Case(ops.convolution_grad, args, name, grad, **TOLERANCE[dtype])


def on_device(cupy, arrays):
    return [a if a is None or isinstance(a, Window | bool) else cupy.asarray(a) for a in arrays]


def forward(cupy, arrays, relu=False):
    """y, by the GPU's body."""
    x, w, bias, y, _, window = arrays
    given = on_device(cupy, (x, w, bias, y, window, relu))
    body.convolution(*given)
    return host(given[3]).copy()  # its memory is lent again


def backward(cupy, arrays, wanted=(True, True, True)):
    """dx, dw, dbias: what they were 7, 1 and 1 before; None where not wanted."""
    x, w, bias, _, dy, window = arrays
    starts = np.full_like(x, 7), np.ones_like(w), np.ones_like(bias)
    grads = on_device(cupy, (g if want else None for g, want in zip(starts, wanted, strict=True)))
    x, w, dy = on_device(cupy, (x if wanted[1] else None, w, dy))
    body.convolution_grad(x, w, dy, *grads, window)
    return [None if g is None else host(g).copy() for g in grads]


def expected_forward(arrays, relu=False):
    x, w, bias, y, _, window = (a.copy() if isinstance(a, np.ndarray) else a for a in arrays)
    ops.convolution.reference(np, x, w, bias, y, window, relu)
    return y


def expected_backward(arrays, wanted=(True, True, True)):
    x, w, bias, _, dy, window = arrays
    starts = np.full_like(x, 7), np.ones_like(w), np.ones_like(bias)
    grads = [grad if want else None for grad, want in zip(starts, wanted, strict=True)]
    ops.convolution_grad.reference(np, x if wanted[1] else None, w, dy, *grads, window)
    return grads


def compare(found, expected, **tolerance):
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", BY_CUDNN)
def test_forward(rng, cupy, name, dtype):
    x, w, bias, *rest = make(rng, name, dtype)
    for given, relu in product((bias, None), (False, True)):
        arrays = x, w, given, *rest
        found = forward(cupy, arrays, relu)
        np.testing.assert_allclose(found, expected_forward(arrays, relu), **TOLERANCE[dtype])
    graphs = fake_cudnn.state.built
    assert graphs[0].compute.name == ("FLOAT" if dtype == np.float32 else "DOUBLE")
    steps = [[step for step, *_ in graph.steps] for graph in graphs]
    plain, biased = ["conv_fprop"], ["conv_fprop", "bias"]
    assert steps == [biased, plain, [*biased, "relu"], biased, plain, plain, plain]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", BY_CUDNN)
def test_backward_adds_to_the_gradients_of_weights(rng, cupy, name, dtype):
    arrays = make(rng, name, dtype)
    compare(backward(cupy, arrays), expected_backward(arrays), **TOLERANCE[dtype])
    done = [graph.steps[0][0] for graph in fake_cudnn.state.built]
    assert done == ["conv_dgrad", "conv_wgrad"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("wanted", list(product([False, True], repeat=3)))
def test_only_what_is_wanted(rng, cupy, wanted, precision):
    arrays = make(rng, "all unlike", np.float32)
    with asking(precision=precision):
        found = backward(cupy, arrays, wanted)
    tolerance = TOLERANCE[np.float32] if precision == "fp32" else BF16
    compare(found, expected_backward(arrays, wanted), **tolerance)
    assert len(fake_cudnn.state.built) == wanted[0] + wanted[1]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_nothing_is_done_twice(rng, cupy, monkeypatch, precision):
    monkeypatch.setattr(
        body.by_columns, "convolution_grad", lambda *args: pytest.fail("it is done already")
    )
    with asking(precision=precision):
        backward(cupy, make(rng, "all unlike", np.float32))


@pytest.mark.parametrize("name", ["no axis", "no image", "all unlike"])
def test_what_cudnn_cannot_do_goes_by_columns(rng, cupy, name):
    fake_cudnn.state.plans = []
    arrays = make(rng, name, np.float32)
    found = forward(cupy, arrays, relu=True)
    np.testing.assert_allclose(found, expected_forward(arrays, True), **TOLERANCE[np.float32])
    compare(backward(cupy, arrays), expected_backward(arrays), **TOLERANCE[np.float32])
    assert not fake_cudnn.state.runs


def test_one_gradient_by_cudnn_and_one_by_columns(rng, cupy, monkeypatch):
    monkeypatch.setattr(
        fake_cudnn.pygraph,
        "plans",
        property(lambda graph: fake_cudnn.state.plans * (graph.steps[0][0] == "conv_wgrad")),
    )
    arrays = make(rng, "all unlike", np.float32)
    compare(backward(cupy, arrays), expected_backward(arrays), **TOLERANCE[np.float32])
    assert fake_cudnn.state.runs


@pytest.mark.parametrize(("engine", "graphs"), [("CAFFE", 0), ("CUDNN", 4), ("DEFAULT", 4)])
def test_engine(rng, cupy, engine, graphs):
    arrays = make(rng, "all unlike", np.float32)
    with asking(engine):
        found = forward(cupy, arrays)
        compare(backward(cupy, arrays), expected_backward(arrays), **TOLERANCE[np.float32])
    np.testing.assert_allclose(found, expected_forward(arrays), **TOLERANCE[np.float32])
    assert len(fake_cudnn.state.built) == graphs  # the forward pass has two: with its bias, without


def test_without_cudnn_one_line_says_so(rng, without, caplog):
    arrays = make(rng, "all unlike", np.float32)
    for _ in range(2):
        found = forward(without, arrays)
        compare(backward(without, arrays), expected_backward(arrays), **TOLERANCE[np.float32])
    np.testing.assert_allclose(found, expected_forward(arrays), **TOLERANCE[np.float32])
    assert caplog.text.count("convolutions run as columns and products") == 1
    assert "pip install" in caplog.text


@pytest.mark.parametrize("name", BY_CUDNN)
def test_bf16(rng, cupy, name):
    """As float32 of factors that are rounded before; the bias and its gradient are not."""
    arrays = make(rng, name, np.float32)
    x, w, bias, y, dy, window = arrays
    rounded = [round_off(a) for a in (x, w)]
    exact = *rounded, bias, y, round_off(dy), window
    with asking(precision="bf16"):
        found = forward(cupy, arrays, relu=True)
        grads = backward(cupy, arrays)
    expected = expected_forward(exact, relu=True)
    np.testing.assert_allclose(found, expected, **BF16)
    *_, dbias = expected_backward(arrays)  # which is no product: it is exact
    compare(grads[:2], expected_backward(exact)[:2], **BF16)
    np.testing.assert_allclose(grads[2], dbias, **TOLERANCE[np.float32])
    assert {g.steps[-1][2].kind.name for g in fake_cudnn.state.built} == {"BFLOAT16"}
    assert {g.compute.name for g in fake_cudnn.state.built} == {"FLOAT"}
    assert max(len(graph.steps) for graph in fake_cudnn.state.built) == 1


def round_off(x):
    return fake_cudnn.from_bfloat16(fake_cudnn.to_bfloat16(x)).astype(np.float32)


def test_float64_knows_one_precision(rng, cupy):
    arrays = make(rng, "all unlike", np.float64)
    with asking(precision="bf16"):
        found = forward(cupy, arrays)
    np.testing.assert_allclose(found, expected_forward(arrays), **TOLERANCE[np.float64])
    assert fake_cudnn.state.built[0].compute.name == "DOUBLE"


@pytest.mark.parametrize(
    ("precision", "allowed"),
    [("fp32", ["eng3"]), ("tf32", ["eng2", "eng3"]), ("bf16", ["eng1", "eng2", "eng3"])],
)
def test_what_precision_allows(rng, cupy, precision, allowed):
    fake_cudnn.state.plans = [
        FakePlan("eng0", ("NONDETERMINISTIC",)),
        FakePlan("eng1", ("TENSOR_CORE", "DOWN_CONVERT_INPUTS")),
        FakePlan("eng2", ("TENSOR_CORE",)),
        FakePlan("eng3"),
    ]
    with asking(precision=precision):
        backward(cupy, make(rng, "1x1", np.float32), (True, False, False))
    assert sorted(set(fake_cudnn.state.runs)) == allowed


def test_a_frontend_kernel_is_no_candidate(rng, cupy):
    fake_cudnn.state.plans = [FakePlan("conv_sm100"), FakePlan("eng4")]
    backward(cupy, make(rng, "1x1", np.float32), (True, False, False))
    assert set(fake_cudnn.state.runs) == {"eng4"}


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """CuPy, where cuDNN computes; what is chosen is kept apart."""
    if not HAS_GPU:
        pytest.skip("no CUDA device")
    import cupy

    pytest.importorskip("cudnn", reason="nvidia-cudnn-frontend is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget()
    assert cudnn.library() is not None, "cuDNN cannot be used: see the log"
    yield cupy
    forget()


GPU_TOLERANCE = {
    "fp32": {"rtol": 1e-4, "atol": 1e-4},
    "tf32": {"rtol": 1e-2, "atol": 3e-2},
    "bf16": {"rtol": 3e-2, "atol": 3e-1},
}


@pytest.mark.gpu
@pytest.mark.parametrize("precision", GPU_TOLERANCE)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_on_a_gpu(rng, gpu, name, precision, monkeypatch):
    times_all = precision == "fp32" or name in ("same size", "1x1")  # else it takes minutes
    monkeypatch.setattr(choice, "_deterministic", not times_all)
    arrays = make(rng, name, np.float32)
    x, w, bias, y, dy, window = on_device(gpu, arrays)
    dx, dw, dbias = gpu.full_like(x, 7), gpu.ones_like(w), gpu.ones_like(bias)
    with asking("CUDNN", precision, gpu):
        body.convolution(x, w, bias, y, window, True)
        body.convolution_grad(x, w, dy, dx, dw, dbias, window)
    assert len(cudnn_plans._chosen) == 3 * (name not in ("no axis", "no image"))
    scale = float(np.sqrt(np.prod(w.shape[1:]))) if w.size else 1.0
    tolerance = {key: value * scale for key, value in GPU_TOLERANCE[precision].items()}
    np.testing.assert_allclose(y.get(), expected_forward(arrays, True), **tolerance)
    long = {key: value * max(1.0, dy.size**0.5) for key, value in tolerance.items()}
    expected = expected_backward(arrays)
    np.testing.assert_allclose(dx.get(), expected[0], **tolerance)
    compare((dw.get(), dbias.get()), expected[1:], **long)


@pytest.mark.gpu
def test_nan_passes_every_plan_that_may_run_on_a_gpu(gpu, monkeypatch):
    tried = []

    def choose(work, bodies, arrays):
        for name, each in bodies.items():
            each.run(arrays)
            tried.append((name, arrays.result.get()))
        return name

    monkeypatch.setattr(cudnn_plans, "_choose", choose)
    x = gpu.full((1, 4, 6, 6), -1, np.float32)
    x[0, 0, 0, 0] = np.nan
    w, bias = gpu.ones((4, 4, 1, 1), np.float32), gpu.zeros(4, np.float32)
    y = gpu.ones_like(x)
    body.convolution(x, w, bias, y, Window((1, 1), (1, 1), (0, 0), (1, 1)), True)
    for name, found in tried:
        assert np.isnan(found[0, :, 0, 0]).all(), name
        assert not found[0, :, 1:].any(), name
    assert np.isnan(y.get()[0, :, 0, 0]).all()


@pytest.mark.gpu
def test_a_captured_convolution_gives_the_same_on_a_gpu(rng, gpu):
    x, w, bias, y, _, window = on_device(gpu, make(rng, "same size", np.float32))
    stream = gpu.cuda.Stream(non_blocking=True)
    with stream:
        body.convolution(x, w, bias, y, window)
        body.convolution(x, w, bias, y, window)
        expected = y.get()
        y.fill(0)
        stream.begin_capture()
        body.convolution(x, w, bias, y, window)
        graph = stream.end_capture()
        graph.launch(stream)
        stream.synchronize()
        np.testing.assert_array_equal(y.get(), expected)
