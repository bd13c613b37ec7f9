"""``minicaffe convert_imageset``: what it makes, says and refuses, and how it ends."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.cli.main import main
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.net import Net, closing
from minicaffe.proto.minicaffe_pb2 import TEST, Datum, NetParameter, NetState
from tests.cli import tiny

GOLDEN = Path(__file__).parents[1] / "golden" / "data"


def run(*argv):
    return main(["convert_imageset", *map(str, argv)])


def golden(tmp_path, *argv):
    return run(*argv, f"{GOLDEN}/images/", GOLDEN / "list.txt", tmp_path / "db")


def read(path):
    source = LmdbSource(str(path))
    return list(islice(source.records(0), len(source)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path, rng):
    """Images of 8 x 6 with a list of them: labels 0 to 4."""
    for index in range(5):
        image = rng.integers(0, 256, (8, 6, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    (tmp_path / "list.txt").write_text("".join(f"{i}.png {i}\n" for i in range(5)))
    return tmp_path


def convert(folder, *argv):
    return run(*argv, f"{folder}/", folder / "list.txt", folder / "db")


@pytest.mark.parametrize(
    ("database", "argv"),
    [
        ("db.lmdb", ["-backend=lmdb"]),
        ("db.lmdb", ["--nogray", "-encoded=false", "--threads", "2"]),
        ("db_encoded.lmdb", ["-encoded"]),
        ("db_encoded.lmdb", ["--encoded=true", "-encode_type", "png"]),
        ("db_encoded.lmdb", ["--encode_type=.PNG"]),
        ("db_gray.lmdb", ["--gray", "-resize_width=8", "--resize_height", "8"]),
    ],
)
def test_records_are_those_of_the_original(tmp_path, database, argv):
    assert golden(tmp_path, *argv) == 0
    assert read(tmp_path / "db") == read(GOLDEN / database)
    assert names(tmp_path) == ["db"]


def test_the_log(tmp_path, capsys):
    assert golden(tmp_path, "--encode_type=png") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert [tiny.LINE.fullmatch(line).groups() for line in err.splitlines()] == [
        ("convert_imageset.cpp:86", "A total of 7 images."),
        ("convert_imageset.cpp:89", "encode_type specified, assuming encoded=true."),
        ("convert_imageset.cpp:153", "Processed 7 files."),
    ]


def test_a_line_for_every_thousand(tmp_path, capsys):
    (tmp_path / "list.txt").write_text("0.png 0\n" * 2001)
    assert run(f"{GOLDEN}/images/", tmp_path / "list.txt", tmp_path / "db") == 0
    assert tiny.messages(capsys.readouterr().err) == [
        "A total of 2001 images.",
        *(f"Processed {count} files." for count in (1000, 2000, 2001)),
    ]


def test_leveldb(folder):
    plyvel = pytest.importorskip("plyvel")
    assert convert(folder, "--backend", "leveldb") == 0
    (folder / "db").rename(folder / "level")
    assert convert(folder) == 0
    with plyvel.DB(str(folder / "level")) as database:
        assert list(database) == read(folder / "db")


def first_batch(layer):
    """The tops of a net that is that layer."""
    definition = text_format.Parse(
        f'layer {{ name: "it" top: "data" top: "label" {layer} }}', NetParameter()
    )
    net = Net(definition, NetState(phase=TEST))
    with closing(net):
        net.forward()
        return [net.blobs[name].data.copy() for name in ("data", "label")]


@pytest.mark.parametrize("argv", [[], ["--encoded"], ["--encode_type=bmp"]])
def test_a_data_layer_gives_what_image_data_gives(folder, argv):
    assert convert(folder, *argv) == 0
    shared = "batch_size: 5"
    data = first_batch(
        f'type: "Data" data_param {{ source: "{folder}/db" backend: LMDB {shared} }}'
    )
    image_data = first_batch(
        f'type: "ImageData" image_data_param {{ source: "{folder}/list.txt" '
        f'root_folder: "{folder}/" {shared} }}'
    )
    assert data[0].shape == (5, 3, 8, 6)
    for found, expected in zip(data, image_data, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_labels_of_several_numbers(folder):
    (folder / "list.txt").write_text("0.png 0.5 -1\n1.png 2 3e2\n")
    assert convert(folder, "--label_dim=2") == 0
    datums = [Datum.FromString(record) for _, record in read(folder / "db")]
    assert [list(datum.float_label) for datum in datums] == [[0.5, -1], [2, 300]]


def labels(path):
    return [Datum.FromString(record).label for _, record in read(path)]


def test_shuffle(folder, capsys):
    (folder / "list.txt").write_text("".join(f"{i % 5}.png {i}\n" for i in range(50)))
    assert convert(folder, "-shuffle") == 0
    [line] = [x for x in capsys.readouterr().err.splitlines() if "Shuffling data with --seed" in x]
    found = labels(folder / "db")
    assert sorted(found) == list(range(50))
    assert found != sorted(found)
    seed = line.split()[-1]
    assert convert(folder, "--shuffle", "--seed", seed, "--force") == 0  # the log says how
    assert labels(folder / "db") == found
    assert convert(folder, "--shuffle", "--seed", int(seed) ^ 1, "--force") == 0
    assert labels(folder / "db") != found


def test_a_database_that_is_there_is_kept(folder, capsys):
    assert convert(folder) == 0
    before = read(folder / "db")
    (folder / "list.txt").write_text("4.png 9\n")
    capsys.readouterr()
    assert convert(folder) == 1
    assert capsys.readouterr().err == (
        f"minicaffe: error: {folder}/db: is there already; --force replaces it\n"
    )
    assert read(folder / "db") == before
    assert convert(folder, "--force") == 0
    assert labels(folder / "db") == [9]


def test_a_bad_image(folder, capsys):
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:90])
    assert convert(folder) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"minicaffe: error: {folder}/list.txt (line 3, 2.png): 90 bytes are no")
    assert "db" not in " ".join(names(folder))


@pytest.mark.parametrize("flag", ["--skip-bad", "-skip_bad=true"])
def test_skip_bad(folder, flag, capsys):
    (folder / "2.png").unlink()
    with (folder / "list.txt").open("a") as file:
        file.write("0.png zebra\n")
    assert convert(folder, flag) == 0
    assert labels(folder / "db") == [0, 1, 3, 4]
    found = tiny.messages(capsys.readouterr().err)
    assert len([line for line in found if line.startswith(f"skipped {folder}/list.txt (")]) == 2
    assert found[-2:] == ["Processed 4 files.", "Skipped 2 of 6 images, see above"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--resize_width=8"], "resize_height is 0 and resize_width 8, expected both or neither"),
        (["--encode_type=xyz"], "encode_type is 'xyz', expected a format that OpenCV can write"),
    ],
)
def test_refuses(folder, argv, message, capsys):
    assert convert(folder, *argv) == 1
    assert message in capsys.readouterr().err
    assert "db" not in names(folder)


@pytest.mark.parametrize(
    "argv", [["--backend=mysql"], ["--resize_width=-1"], ["--gray=perhaps"], ["--threads=0"]]
)
def test_refuses_the_command_line(folder, argv, capsys):
    with pytest.raises(SystemExit) as caught:
        convert(folder, *argv)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_list(folder, capsys):
    assert run(folder, folder / "lost.txt", folder / "db") == 1
    assert "lost.txt: no such file: did you mean" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(folder, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert convert(folder) == 0
    assert "5/5" in terminal.getvalue()
    assert "Processed 5 files." in terminal.getvalue()


@pytest.fixture
def stuck(folder):
    """A conversion that gets past its first thousand and then waits for a pipe."""
    os.mkfifo(folder / "pipe.png")
    (folder / "good.txt").write_text("0.png 0\n" * 1500)
    (folder / "list.txt").write_text("0.png 0\n" * 1500 + "pipe.png 1\n")

    def start(threads):
        argv = ["convert_imageset", "--threads", threads, f"{folder}/", "list.txt", "db"]
        return tiny.running(folder, *argv)

    return start


def wait_for_a_thousand(process):
    while "Processed 1000 files." not in (line := process.stderr.readline()):
        assert line, "it has ended"


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_killed_conversion_leaves_nothing_under_its_name(folder, stuck, threads, capsys):
    with stuck(threads) as process:
        wait_for_a_thousand(process)
        process.kill()
    left = [name for name in names(folder) if name.startswith(".db")]
    assert len(left) == 1  # it was on its way
    assert "db" not in names(folder)
    assert run(f"{folder}/", folder / "good.txt", folder / "db") == 0
    assert len(read(folder / "db")) == 1500
    assert not [name for name in names(folder) if name.startswith(".db")]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_interrupted(folder, stuck, threads):
    with stuck(threads) as process:
        wait_for_a_thousand(process)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().splitlines()[-1] == "minicaffe: interrupted"
        assert process.wait() == 130
    assert not [name for name in names(folder) if "db" in name]


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # a file cannot grow further
from minicaffe.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_leaves_nothing(folder):
    (folder / "list.txt").write_text("0.png 0\n" * 1500)
    done = subprocess.run(
        [sys.executable, "-c", FULL, "convert_imageset", f"{folder}/", "list.txt", "db"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("minicaffe: error: db: cannot be written: ")
    assert not [name for name in names(folder) if "db" in name]
