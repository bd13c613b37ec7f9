"""CIFAR in every form in which it is handed out, and its faults."""

from __future__ import annotations

import dataclasses
import hashlib
import re

import numpy as np
import pytest

from minicaffe.data.cifar import CIFAR10, CIFAR100, is_there, read_parts
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import Datum
from tests.data.cifar_files import COUNT, arrays, binary, pickled, write_archive, write_files

KINDS = [CIFAR10, CIFAR100]


def binaries(kind, made=None):
    made = made or arrays(kind)
    return {f"{stem}.bin": binary(array) for stem, array in made.items()}


def pickles(kind):
    return {stem: pickled(array, kind) for stem, array in arrays(kind).items()}


def inside(kind, version, files):
    """As in the archive: in its folder, with a file that is no batch."""
    folder = kind.folders[version]
    return {f"{folder}/readme.html": b"hello"} | {f"{folder}/{n}": b for n, b in files.items()}


def as_archive(folder, kind, version, files):
    write_archive(folder / kind.archives[version], inside(kind, version, files))
    return folder


def as_named_archive(folder, kind, version, files):
    return write_archive(folder / "mine.tar.gz", inside(kind, version, files))


def as_unpacked(folder, kind, version, files):
    write_files(folder / kind.folders[version], files)
    return folder


def as_files(folder, kind, version, files):
    return write_files(folder, files)


FORMS = [as_archive, as_named_archive, as_unpacked, as_files]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same(tmp_path, kind, version, form):
    source = form(tmp_path, kind, version, [binaries, pickles][version](kind))
    (train, test), others = read_parts(source, kind)
    made = arrays(kind)
    first = len(kind.labels)
    for part in (train, test):
        whole = np.concatenate([made[stem] for stem in kind.parts[part.name]])
        np.testing.assert_array_equal(part.images, whole[:, first:].reshape(-1, 3, 32, 32))
        np.testing.assert_array_equal(part.labels, whole[:, first - 1])
    assert len(train) == COUNT * len(kind.parts["train"])
    assert len(others) == len(made)  # none of them is the real one
    assert source.is_file() or is_there(source, kind)


def test_records_are_as_the_original_writes_them(tmp_path):
    (train, _), _ = read_parts(write_files(tmp_path, binaries(CIFAR10)), CIFAR10)
    records = list(train.records())
    assert [key for key, _ in records] == [b"%05d" % index for index in range(5 * COUNT)]
    first = arrays()["data_batch_1"][0]
    # the original's converter sets these fields and no others
    head, data, label = b"\x08\x03\x10\x20\x18\x20\x22\x80\x18", first[1:].tobytes(), first[0]
    assert records[0][1] == head + data + b"\x28" + bytes([label])
    assert Datum.FromString(records[COUNT][1]).data == arrays()["data_batch_2"][0, 1:].tobytes()


def test_coarse_labels(tmp_path):
    write_files(tmp_path, binaries(CIFAR100))
    (train, _), _ = read_parts(tmp_path, CIFAR100, coarse=True)
    np.testing.assert_array_equal(train.labels, arrays(CIFAR100)["train"][:, 0])


@pytest.mark.parametrize("version", [0, 1])
def test_the_standard_set_is_told_by_its_contents(tmp_path, version):
    """Of whichever version: the checksums are those of the binary one."""
    digests = {stem: hashlib.sha256(array).hexdigest() for stem, array in arrays().items()}
    parts = {name: {s: digests[s] for s in stems} for name, stems in CIFAR10.parts.items()}
    kind = dataclasses.replace(CIFAR10, parts=parts)
    write_files(tmp_path, [binaries, pickles][version](CIFAR10))
    assert read_parts(tmp_path, kind)[1] == []


def test_the_binary_version_goes_first(tmp_path):
    write_files(tmp_path, pickles(CIFAR10))
    made = arrays(count=3)
    write_files(tmp_path / CIFAR10.folders[0], binaries(CIFAR10, made))
    (train, _), _ = read_parts(tmp_path, CIFAR10)
    assert len(train) == 15


def test_nothing_there(tmp_path):
    message = f"{tmp_path}: expected cifar-10-binary.tar.gz, or what is in it (data_batch_1.bin"
    with pytest.raises(DataError, match=re.escape(message)):
        read_parts(tmp_path, CIFAR10)
    with pytest.raises(DataError, match="no such file or folder"):
        read_parts(tmp_path / "no", CIFAR10)
    assert not is_there(tmp_path, CIFAR10)


def test_some_are_missing(tmp_path):
    files = binaries(CIFAR10)
    del files["data_batch_3.bin"], files["test_batch.bin"]
    write_files(tmp_path, files)
    message = r"expected data_batch_3.bin, test_batch.bin too, found data_batch_1.bin, .*--partial"
    with pytest.raises(DataError, match=message):
        read_parts(tmp_path, CIFAR10)
    (train,), _ = read_parts(tmp_path, CIFAR10, partial=True)
    assert (train.name, len(train)) == ("train", 4 * COUNT)


def test_names_that_go_on(tmp_path):
    made = arrays()
    files = {
        "data_batch_1_first7.bin": binary(made["data_batch_1"]),
        "data_batch_10.bin": binary(made["data_batch_2"]),  # not the first batch's
        "test_batch_first7.bin": binary(made["test_batch"]),
    }
    write_files(tmp_path, files)
    message = "--partial takes data_batch_1_first7.bin, test_batch_first7.bin"
    with pytest.raises(DataError, match=f"{message}$"):
        read_parts(tmp_path, CIFAR10)
    (train, test), _ = read_parts(tmp_path, CIFAR10, partial=True)
    assert (len(train), len(test)) == (COUNT, COUNT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1], "21,510 bytes, expected a multiple of 3,073"),
        (lambda raw: b"", "0 bytes, expected a multiple of 3,073"),
        (
            lambda raw: raw[:3073] + b"\x0a" + raw[3074:],
            "record 1 has 10 in labels, expected 0 to 9",
        ),
    ],
)
def test_damaged_files(tmp_path, change, message):
    files = binaries(CIFAR10)
    files["data_batch_2.bin"] = change(files["data_batch_2.bin"])
    write_files(tmp_path, files)
    with pytest.raises(DataError, match=f"data_batch_2.bin: {re.escape(message)}"):
        read_parts(tmp_path, CIFAR10)


def test_a_wrong_coarse_label_is_seen_too(tmp_path):
    made = arrays(CIFAR100)
    made["test"][4, 0] = 20
    write_files(tmp_path, binaries(CIFAR100, made))
    with pytest.raises(DataError, match="record 4 has 20 in coarse_labels, expected 0 to 19"):
        read_parts(tmp_path, CIFAR100)


def cut(raw):
    return raw[: len(raw) // 2]


def scrambled(raw):
    return raw[:5000] + bytes(200) + raw[5200:]


@pytest.mark.parametrize("damage", [cut, scrambled, lambda raw: b"no archive"])
def test_a_damaged_archive(tmp_path, damage):
    as_archive(tmp_path, CIFAR10, 0, binaries(CIFAR10))
    path = tmp_path / CIFAR10.archives[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz: archive is damaged or cut"):
        read_parts(tmp_path, CIFAR10)


def test_members_go_nowhere(tmp_path):
    """Nothing is unpacked, whatever an archive names its members."""
    files = {f"../../{name}": raw for name, raw in binaries(CIFAR10).items()}
    write_archive(tmp_path / "a" / "b" / CIFAR10.archives[0], files)
    read_parts(tmp_path / "a" / "b", CIFAR10)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
