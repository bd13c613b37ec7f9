"""The stand-in for CuPy: it refuses what CuPy refuses, and counts what crosses the bus."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from tests import cupy_names, fake_cuda, fake_cupy

xp = fake_cupy
CASES = {
    "": xp.NAMES | {"ndarray", "get_default_memory_pool", "cuda"},
    "ndarray.": {name for name in vars(xp.ndarray) if not name.startswith("_")},
    "cuda.": {
        *("Event", "Graph", "MemoryPool", "Stream", "memory", "runtime"),
        *("alloc", "get_current_stream", "using_allocator"),
    },
    "cuda.Stream.": {"record", "wait_event", "synchronize", "begin_capture", "end_capture"}
    | {"is_capturing"},
    "cuda.Event.": {"synchronize"},
    "cuda.Graph.": {"launch"},
    "cuda.MemoryPool.": {name for name in vars(fake_cuda.MemoryPool) if not name.startswith("_")},
    "cuda.memory.": vars(fake_cuda.memory).keys(),
    "cuda.runtime.": {"CUDARuntimeError", "hostRegister", "hostUnregister", "memGetInfo"}
    | {"getDeviceCount"},
}


@pytest.mark.parametrize("owner", CASES)
def test_every_name_is_cupys(owner):
    assert {f"{owner}{name}" for name in CASES[owner]} <= set(xp.PARAMETERS)


def test_the_list_agrees_with_an_installed_cupy():
    cupy = pytest.importorskip("cupy")
    installed = {line.split()[0]: set(line.split()[1:]) for line in cupy_names.names(cupy)}
    for owner, names in CASES.items():
        for name in names:
            full = f"{owner}{name}"
            assert installed[full] >= xp.PARAMETERS[full], full


@pytest.fixture
def array():
    return xp.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))


@pytest.mark.parametrize(
    "use",
    [
        lambda a: np.asarray(a),
        lambda a: np.zeros(3, np.float32) + a,
        lambda a: a + np.zeros(3, np.float32),
        lambda a: a.__setitem__(0, np.zeros(3, np.float32)),
        lambda a: a[np.array([0])],
        lambda a: xp.where(a > 0, a, np.zeros((2, 3), np.float32)),
        lambda a: np.concatenate([a, a]),
        lambda a: np.add.reduce(a),
        lambda a: xp.maximum(a, 0, where=a > 0),
        lambda a: a.sum(where=a > 0),
        lambda a: a.fill(np.zeros(())),
        lambda a: a - [1.0, 2.0, 3.0],
        lambda a: xp.maximum(a, (1.0, 2.0, 3.0)),
        lambda a: xp.where(a > 0, a, [1.0, 2.0, 3.0]),
        lambda a: a.__setitem__(0, [1.0, 2.0, 3.0]),
        lambda a: a[0].set(np.zeros(4, np.float32)),
    ],
)
def test_refuses(array, use):
    with pytest.raises(TypeError):
        use(array)


@pytest.mark.parametrize("name", ["block", "trapz", "float128"])
def test_refuses_a_name_that_the_project_does_not_use(name):
    with pytest.raises(AttributeError, match=f"{name} is not among the CuPy names"):
        getattr(xp, name)


def test_computes_as_numpy_does(array):
    host = array.get()
    for found, expected in [
        (array + 1, host + 1),
        (2 - array, 2 - host),
        (np.float64(2) * array, np.float64(2) * host),
        (array.T[1:], host.T[1:]),
        (array[:, None] * array, host[:, None] * host),
        (array.transpose().reshape(-1), host.transpose().reshape(-1)),
        (array.sum(axis=0, dtype="float64"), host.sum(axis=0, dtype="float64")),
        (xp.stack([array, array]), np.stack([host, host])),
        (array[array > 2], host[host > 2]),
    ]:
        assert isinstance(found, xp.ndarray)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.get(), expected)


def test_a_view_is_of_the_same_memory(array):
    array[1].reshape(3, 1)[...] = 7
    array.T[0] += 1
    assert array.get().tolist() == [[1, 1, 2], [8, 7, 7]]


@pytest.mark.parametrize(
    ("use", "copies", "size"),
    [
        (lambda a: a.get(), 1, 24),
        (lambda a: float(a.sum()), 1, 4),
        (lambda a: int(a[0, 0]), 1, 4),
        (lambda a: (a > 2).any() or None, 1, 1),
        (lambda a: a[0].tolist(), 1, 12),
        (lambda a: range(9)[a.astype("int32").max()], 1, 4),
        (lambda a: a[a > 2], 1, 8),
        (lambda a: (a + a).sum(), 0, 0),
        (lambda a: list(a), 0, 0),
        (lambda a: a.fill(3), 0, 0),
    ],
)
def test_counts_what_comes_to_the_host(array, use, copies, size):
    with fake_cuda.counted() as counts:
        use(array)
    assert (counts.to_host, counts.to_host_bytes) == (copies, size)
    assert counts.to_device == 0


def test_counts_what_goes_to_the_device(array):
    with fake_cuda.counted() as counts:
        xp.asarray([1.0, 2.0])
        array[0].set(np.zeros(3, np.float32))
        xp.asarray(array)
    assert (counts.to_device, counts.to_device_bytes) == (2, 28)
    assert counts.to_host == 0


def capture(work):
    stream, pool = fake_cuda.Stream(), fake_cuda.MemoryPool()
    with stream, fake_cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        try:
            result = work()
        finally:
            graph = stream.end_capture()
    return graph, result


def test_a_captured_stream_does_nothing_until_its_graph_is_launched(array):
    def work():
        doubled = array * 2
        array[0] = doubled[1]
        np.add(array, 1, out=array)
        return xp.where(array > 5, array, xp.zeros_like(array))

    with fake_cuda.counted() as counts:
        graph, result = capture(work)
    assert counts.launches == 0
    assert array.get().tolist() == [[0, 1, 2], [3, 4, 5]]
    graph.launch()
    assert array.get().tolist() == [[7, 9, 11], [4, 5, 6]]
    assert result.get().tolist() == [[7, 9, 11], [0, 0, 6]]
    array[1] = 0
    graph.launch()
    assert array.get().tolist() == [[1, 1, 1], [1, 1, 1]]
    assert not result.get().any()


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a.get(),
        lambda a: bool(a[0, 0]),
        lambda a: a[a > 2],
        lambda a: xp.nonzero(a),
        lambda a: a.argsort(),
        lambda a: xp.asarray(np.zeros(3)),
        lambda a: a.set(np.zeros((2, 3), np.float32)),
        lambda a: fake_cuda.get_current_stream().synchronize(),
    ],
)
def test_what_cuda_cannot_capture(array, use):
    with pytest.raises(fake_cuda.runtime.CUDARuntimeError, match="Invalidated") as caught:
        capture(lambda: use(array))
    assert "StreamCaptureUnsupported" in str(caught.value.__context__)
    capture(lambda: array + 1)  # the next one is whole


def test_the_default_stream_is_not_captured():
    with pytest.raises(RuntimeError, match="legacy"):
        fake_cuda.null.begin_capture()


def test_memory_goes_back_to_its_pool_and_is_given_out_again():
    pool = fake_cuda.MemoryPool()
    with fake_cuda.using_allocator(pool.malloc):
        first = xp.zeros(1000, "float32")
    view = first[3:].reshape(-1, 1)
    del first
    assert pool.used_bytes() == 4096
    del view
    gc.collect()
    assert (pool.used_bytes(), pool.free_bytes()) == (0, 4096)
    with fake_cuda.using_allocator(pool.malloc):
        second = xp.empty(1000, "float32")
    assert (pool.used_bytes(), pool.total_bytes()) == (4096, 4096)
    assert not second.get().any()  # as the first left it
    pool.free_all_blocks()
    assert pool.total_bytes() == 4096


def test_a_full_card(monkeypatch):
    pool = fake_cuda.MemoryPool()
    monkeypatch.setattr(fake_cuda.card, "size", fake_cuda.card.taken + 8192)
    with fake_cuda.using_allocator(pool.malloc):
        kept = xp.empty(1024, "float32")
        xp.empty(1000, "float32")  # given back at once
        assert kept.nbytes == 4096
        with pytest.raises(fake_cuda.memory.OutOfMemoryError, match="allocating 8,192 bytes"):
            xp.empty(2048, "float32")
        assert pool.free_bytes() == 0
