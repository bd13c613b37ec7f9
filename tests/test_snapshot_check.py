"""What would fail at the first snapshot is refused before training starts."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace

import pytest
from google.protobuf import text_format

from minicaffe import files, snapshot_check
from minicaffe.errors import SolverConfigError
from minicaffe.files import remove_leftovers, replacing
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.snapshot_check import check_snapshots
from minicaffe.solver import Solver

NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }
layer { name: "NAME" type: "InnerProduct" bottom: "y" top: "z" param { name: "w" }
  inner_product_param { num_output: 4 bias_term: false } }
layer { name: "c" type: "InnerProduct" bottom: "z" top: "v" param { name: "w" }
  inner_product_param { num_output: 4 bias_term: false } }
layer { name: "loss" type: "Reduction" bottom: "v" top: "l" loss_weight: 1 }
"""
PARAMETERS = (4 * 3 + 4) + 4 * 4  # those of c are b's


def solver(folder, text="", name="b"):
    param = text_format.Parse(f'base_lr: 1 lr_policy: "fixed" {text}', SolverParameter())
    text_format.Parse(NET.replace("NAME", name), param.net_param)
    if not param.snapshot_prefix:
        param.snapshot_prefix = str(folder / "it")
    return Solver(param)


def test_nothing_is_left_of_the_trial(tmp_path):
    solver(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder(tmp_path):
    with pytest.raises(SolverConfigError, match=r"expected a path in a folder that exists: .*/no "):
        solver(tmp_path / "no")


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "no").touch()
    with pytest.raises(SolverConfigError, match="expected a path in a folder that exists"):
        solver(tmp_path / "no")


@pytest.mark.parametrize("error", ["Read-only file system", "No space left on device"])
def test_a_folder_that_takes_no_file(tmp_path, monkeypatch, error):
    """Permission bits do not tell: root has them all, and no one may write to a full disk."""

    def refuse(*args, **options):
        raise OSError(30, error)

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(SolverConfigError, match=rf"that can be written: .*: {error}"):
        solver(tmp_path)


def test_a_disk_that_fills_during_the_trial(tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "sync", refuse)
    with pytest.raises(SolverConfigError, match="No space left on device"):
        solver(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/attr"), reason="needs Linux' /proc")
def test_a_folder_where_nobody_may_write(tmp_path):
    with pytest.raises(SolverConfigError, match="that can be written: cannot write /proc"):
        solver(tmp_path, 'snapshot_prefix: "/proc/it"')


def test_a_name_that_is_too_long(tmp_path):
    rest = len("_iter_0.solverstate")
    fits, too_long = (str(tmp_path / ("x" * (n - rest))) for n in (255, 256))
    solver(tmp_path, f'snapshot_prefix: "{fits}"').snapshot()
    with pytest.raises(SolverConfigError, match=r"that can be written: .*[Nn]ame too long"):
        solver(tmp_path, f'snapshot_prefix: "{too_long}"')


@pytest.mark.parametrize(
    "asks", ["snapshot: 5", 'snapshot_best: "l" test_iter: 1 test_interval: 1']
)
def test_every_field_that_asks_for_snapshots_counts(tmp_path, asks):
    param = text_format.Parse(f"snapshot_after_train: false {asks}", SolverParameter())
    param.snapshot_prefix = str(tmp_path / "no" / "it")
    with pytest.raises(SolverConfigError):
        check_snapshots(param)


def test_who_asks_for_none_needs_no_folder(tmp_path):
    solver(tmp_path / "no", "snapshot_after_train: false")


def free(monkeypatch, count):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=count))


@pytest.mark.parametrize(
    ("text", "floats"),
    [
        ("", PARAMETERS + 4 * 4 + PARAMETERS),  # the shared ones twice; a history
        ('type: "Adam"', PARAMETERS + 4 * 4 + 2 * PARAMETERS),
        ("snapshot_diff: true", 2 * (PARAMETERS + 4 * 4) + PARAMETERS),
        ("snapshot_format: HDF5", 2 * PARAMETERS),
        ("snapshot_format: HDF5 snapshot_diff: true", 3 * PARAMETERS + 4 * 4),
    ],
)
def test_one_snapshot_must_fit(tmp_path, monkeypatch, text, floats):
    monkeypatch.setattr(snapshot_check, "_HEADS", 0)
    free(monkeypatch, 4 * floats)
    solver(tmp_path, text)
    free(monkeypatch, 4 * floats - 1)
    with pytest.raises(
        SolverConfigError, match=f"takes {4 * floats} bytes, and .* {4 * floats - 1} free"
    ):
        solver(tmp_path, text)
    solver(tmp_path, f"{text} snapshot_after_train: false")


def test_protobufs_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot_check, "MAX_BYTES", 2**16 + 4 * PARAMETERS)
    with pytest.raises(
        SolverConfigError, match=r"the parameters take .* set snapshot_format: HDF5"
    ):
        solver(tmp_path)
    solver(tmp_path, "snapshot_format: HDF5")
    monkeypatch.setattr(snapshot_check, "MAX_BYTES", 2**16 + 4 * (PARAMETERS + 16))
    solver(tmp_path)
    with pytest.raises(SolverConfigError, match=r"the state take .* set snapshot_format: HDF5"):
        solver(tmp_path, 'type: "Adam"')


@pytest.mark.parametrize(
    ("name", "message"), [("a", "2 layers are named 'a'"), ("a/0", "parameter of layer 'a'")]
)
def test_names_that_hdf5_cannot_keep(tmp_path, name, message):
    with pytest.raises(SolverConfigError, match=f"snapshot_format is HDF5: .*{message}"):
        solver(tmp_path, "snapshot_format: HDF5", name)
    solver(tmp_path, "", name).snapshot()


def test_what_a_killed_run_left_is_removed(tmp_path, caplog):
    caplog.set_level("INFO", "minicaffe")
    kept = [
        ".it_iter_3.caffemodel",
        ".other_iter_3.caffemodel.abcdefgh.tmp",
        "it_iter_3.caffemodel",
    ]
    left = [".it_iter_3.caffemodel.abcdefgh.tmp", ".it_best.solverstate.h5.a_cdefg1.tmp"]
    for name in (*kept, *left):
        (tmp_path / name).touch()
    solver(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    for name in left:
        assert f"Removed {tmp_path / name}" in caplog.text


def test_what_another_run_is_writing_stays(tmp_path):
    with replacing(tmp_path / "it_iter_3.caffemodel") as temporary:
        temporary.write_text("x")
        assert remove_leftovers(tmp_path / "it_") == []
        assert temporary.exists()
    assert (tmp_path / "it_iter_3.caffemodel").read_text() == "x"
