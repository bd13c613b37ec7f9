"""Both formats of weights hold the same; in HDF5 the names of layers are paths."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.errors import PrototxtError, WeightsError
from minicaffe.net import Net
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.weights import load_weights, net_to_proto, save_weights
from minicaffe.weights_file import check_names, open_weights

HEAD = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'


def inner_product(name, top, params="", bottom="x"):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}" {params} '
        'inner_product_param { num_output: 3 weight_filler { type: "gaussian" } } }'
    )


def make(device, *layers):
    return Net(text_format.Parse("\n".join([HEAD, *layers]), NetParameter()), None, device)


def values(net):
    """The parameters of each layer that has any."""
    to_numpy = net.device.to_numpy
    return {s.name: [to_numpy(b.data).copy() for b in s.layer.blobs] for s in net.steps}


def same(one, other):
    assert one.keys() == other.keys()
    for name, arrays in one.items():
        for a, b in zip(arrays, other[name], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.of_no_known_suffix"


@pytest.mark.parametrize("as_hdf5", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("a", "b"),
        ("3a/1x1", "3a/pool"),
        ("a", "a/b"),
        ("a/b/c", "a/b"),
        ("a/2", "a"),
        ("ä b", "%2F"),
    ],
)
def test_what_is_written_is_read(device, path, as_hdf5, names):
    one, other = (
        make(device, inner_product(names[0], "y"), inner_product(names[1], "z")) for _ in range(2)
    )
    save_weights(one, path, as_hdf5=as_hdf5)
    copied = load_weights(other, path)
    assert sorted(copied.copied) == sorted(names)
    same(values(one), values(other))


def test_a_folder_is_no_layer(device, path):
    save_weights(
        make(device, inner_product("3a/1x1", "y"), inner_product("3b", "z")), path, as_hdf5=True
    )
    with open_weights(path) as found:
        assert {layer.name for layer in found} == {"3a/1x1", "3b", "in", "x_in_0_split"}


def test_the_layout_is_the_originals(device, path):
    net = make(
        device, inner_product("a", "y"), 'layer { name: "r" type: "ReLU" bottom: "y" top: "r" }'
    )
    net.steps[1].layer.blobs[0].diff[...] = 5
    save_weights(net, path, as_hdf5=True, diff=True)
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append((name, getattr(item, "shape", None))))
        assert file["data/a/0"].dtype == "<f4"
        assert (file["diff/a/0"][()] == 5).all()
    expected = []
    for top in ("data", "diff"):
        expected += [(top, None), (f"{top}/a", None), (f"{top}/a/0", (3, 3)), (f"{top}/a/1", (3,))]
        expected += [(f"{top}/in", None), (f"{top}/r", None)]
    assert found == expected


@pytest.mark.parametrize("as_hdf5", [False, True])
def test_gradients_return_too(device, path, as_hdf5):
    one, other = (make(device, inner_product("a", "y")) for _ in range(2))
    one.steps[1].layer.blobs[1].diff[...] = 7
    save_weights(one, path, diff=True, as_hdf5=as_hdf5)
    load_weights(other, path)
    assert (other.device.to_numpy(other.steps[1].layer.blobs[1].diff) == 7).all()


SHARED = 'param { name: "w" } param { name: "b" }'


def test_shared_parameters_are_with_their_owner_alone(device, path):
    layers = inner_product("a", "y", SHARED), inner_product("b", "z", SHARED)
    one, other = make(device, *layers), make(device, *layers)
    save_weights(one, path, as_hdf5=True)
    with h5py.File(path) as file:
        assert list(file["data/a"]) == ["0", "1"]
        assert list(file["data/b"]) == []
    load_weights(other, path)
    same(values(one), values(other))


def test_a_parameter_may_be_missing_only_where_it_is_shared(device, path):
    layers = inner_product("a", "y", SHARED), inner_product("b", "z", SHARED)
    save_weights(make(device, *layers), path, as_hdf5=True)
    alone = make(device, inner_product("a", "y"), inner_product("b", "z"))
    before = values(alone)
    with pytest.raises(WeightsError, match=r"layer 'b' .* has 0 parameter blob\(s\), expected 2"):
        load_weights(alone, path)
    same(values(alone), before)


def test_a_binary_file_has_shared_parameters_too(device, path):
    net = make(device, inner_product("a", "y", SHARED), inner_product("b", "z", SHARED))
    source = net_to_proto(net)
    del source.layer[-1].blobs[:]
    path.write_bytes(binary.to_bytes(source))
    with pytest.raises(WeightsError, match=r"layer 'b' .* has 0 parameter blob\(s\), expected 2"):
        load_weights(net, path)


def test_the_second_of_two_is_not_enough(device, path):
    net = make(device, inner_product("a", "y"))
    save_weights(net, path, as_hdf5=True)
    with h5py.File(path, "a") as file:
        del file["data/a/0"]
    with pytest.raises(WeightsError, match=r"has 1 parameter blob\(s\), expected 2"):
        load_weights(net, path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "a"), "2 layers are named 'a', expected one: HDF5 keeps layers by name"),
        (("a", "a/1"), "'a/1' would be where HDF5 keeps a parameter of layer 'a'"),
        (("a", "a/1/c"), "'a/1/c' would be where HDF5 keeps a parameter of layer 'a', 'a/1'"),
        (("a", "a//b"), "a layer is named 'a//b', expected a path"),
        (("a", "./b"), "is named './b'"),
        (("a", "/b"), "is named '/b'"),
        (("a", ""), "is named ''"),
    ],
)
def test_names_that_hdf5_cannot_keep(device, path, names, message):
    net = make(device, inner_product(names[0], "y"), inner_product(names[1], "z"))
    with pytest.raises(WeightsError, match=message):
        save_weights(net, path, as_hdf5=True)
    assert not path.exists()
    save_weights(net, path)  # the other format keeps them all


def test_names_that_hdf5_keeps(device):
    check_names(
        make(device, inner_product("a", "y"), inner_product("a/2", "z"), inner_product("0", "v"))
    )


def hostile(make_it):
    def write(path):
        with h5py.File(path, "w") as file:
            make_it(file)

    return write


def cycle(file):
    inner = file.create_group("data/a")
    inner["b"] = file["data"]


def deep_cycle(file):
    inner = file.create_group("data/a/b")
    inner["c"] = file["data/a"]


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda f: f.create_group("data"), None),
        (lambda f: f.create_group("layers"), "is something else, expected weights"),
        (lambda f: f.create_group("history"), "is a solver's state"),
        (lambda f: f.create_dataset("data", data=3), "no group 'data'"),
        (lambda f: f.create_dataset("data/a", data=3), "/data/a is a dataset, expected the group"),
        (lambda f: f.create_dataset("data/a/w", data=3), "/data/a/w is found, expected 0, 1, 2"),
        (lambda f: f.create_dataset("data/a/01", data=3), "/data/a/01 is found"),
        (lambda f: f.create_dataset("data/a/0", data=b"text"), "/data/a/0 holds"),
        (lambda f: f.create_dataset("data/a/77", data=3), "layer 'a' .* has 1 parameter"),
        (lambda f: f.create_dataset("data/a/0", data=[3]), "layer 'a' .* expected 2"),
        (cycle, "linked twice"),
        (deep_cycle, "linked twice"),
        (lambda f: f.__setitem__("data", h5py.SoftLink("/")), "is a link"),
        (lambda f: f.create_dataset("data/a/0", (1 << 50,), "f4"), "expected 2"),
        (
            lambda f: [f.create_dataset(f"data/a/{i}", (3, 3)[i:], "f4") for i in (0, 1)],
            "stores 0 for",
        ),
    ],
)
def test_files_of_others(device, path, make_it, message):
    hostile(make_it)(path)
    net = make(device, inner_product("a", "y"))
    before = values(net)
    if message is None:
        assert load_weights(net, path).kept == ["a"]
    else:
        with pytest.raises(WeightsError, match=rf"w.of_no_known_suffix: .*{message}"):
            load_weights(net, path)
    same(values(net), before)


def test_damage_that_shows_when_values_are_read_changes_nothing(device, path):
    net = make(device, inner_product("a", "y"), inner_product("b", "z"))
    with h5py.File(path, "w") as file:
        for name in "ab":
            for index, shape in enumerate([(3, 3), (3,)]):
                file.create_dataset(
                    f"data/{name}/{index}", data=np.ones(shape, "f4"), chunks=shape,
                    compression="gzip", fletcher32=True,
                )  # fmt: skip
        offset = file["data/b/1"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)
    before = values(net)
    with pytest.raises(PrototxtError, match="damaged HDF5 file"):
        load_weights(net, path)
    same(values(net), before)


def test_a_binary_file_without_layers(path):
    path.write_bytes(binary.to_bytes(NetParameter(name="n")))
    with pytest.raises(PrototxtError, match="holds no layers"), open_weights(path):
        pass


def test_what_a_binary_file_says_of_sharing(device, path):
    layers = inner_product("a", "y", SHARED), inner_product("b", "z", SHARED)
    save_weights(make(device, *layers), path)
    with open_weights(path) as found:
        assert [(layer.name, layer.type, layer.shared) for layer in found if layer.blobs] == [
            ("a", "InnerProduct", set()),
            ("b", "InnerProduct", {0, 1}),
        ]


@pytest.mark.slow
def test_a_parameter_of_more_than_2_gb(path):
    """Takes 2.2 GB of memory and of the disk."""
    net = make(cpu(), inner_product("a", "y"))
    blob = net.steps[1].layer.blobs[0]
    blob.reshape((33000, 16500))
    assert blob.data.nbytes > 2**31
    blob.data[-1, -1], blob.data[20000] = 3, 1
    save_weights(net, path, as_hdf5=True)
    with pytest.raises(WeightsError, match="snapshot_format: HDF5 does"):
        save_weights(net, path)
    blob.data[...] = 0
    load_weights(net, path)
    found = blob.data[-1, -1], blob.data[20000].sum(), blob.data[:20000].any()
    assert found == (3, 16500, False)
