"""write_database: what it writes is whole or not there, of either kind."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import islice

import pytest

from minicaffe.data.database_writer import BACKENDS, write_database
from minicaffe.data.source import open_database
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import DataParameter


def records(count, size=10):
    return ((b"%08d" % index, b"%d" % index * size) for index in range(count))


def read(path, backend):
    source = open_database(DataParameter(source=str(path), backend=backend.upper()))
    return list(islice(source.records(0), len(source)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def test_round_trip(tmp_path, backend):
    counts = []
    count = write_database(tmp_path / "new" / "db", records(2345), backend.upper(), counts.append)
    assert (count, counts) == (2345, [1000, 1000, 345])
    assert read(tmp_path / "new" / "db", backend) == list(records(2345))
    assert names(tmp_path / "new") == ["db"]


def test_replaces_what_was_there(tmp_path, backend):
    write_database(tmp_path / "db", records(3), backend)
    write_database(tmp_path / "db", records(5), backend)
    assert read(tmp_path / "db", backend) == list(records(5))
    assert names(tmp_path) == ["db"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, DataError])
def test_an_error_on_the_way_leaves_what_was_there(tmp_path, backend, error):
    def broken():
        yield from records(1500)
        raise error("x")

    write_database(tmp_path / "db", records(3), backend)
    with pytest.raises(error):
        write_database(tmp_path / "db", broken(), backend)
    assert names(tmp_path) == ["db"]
    assert read(tmp_path / "db", backend) == list(records(3))


def test_refuses_keys_that_do_not_rise(tmp_path, backend):
    with pytest.raises(DataError, match=r"db \(00000001\): .*the key before it"):
        write_database(tmp_path / "db", [(b"00000001", b"a")] * 2, backend)
    assert names(tmp_path) == []


def test_refuses_where_it_cannot_write(tmp_path, backend):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="db: cannot be written: "):
        write_database(tmp_path / "file" / "db", records(5), backend)


def test_refuses_another_backend(tmp_path):
    with pytest.raises(DataError, match=r"backend is 'lmbd', expected .*: did you mean 'lmdb'"):
        write_database(tmp_path / "db", records(5), "lmbd")


CODE = """
import os, resource, sys
from minicaffe.data.database_writer import write_database
from minicaffe.errors import DataError

def records():
    for number in range(5000):
        if number == 2500 and {killed}:
            os.kill(os.getpid(), {killed})
        yield b"%08d" % number, os.urandom(1000)

if {limit}:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))  # a file cannot grow further
try:
    write_database(sys.argv[1], records(), sys.argv[2])
except DataError as error:
    print(error)
"""


def run(path, backend, **values):
    code = CODE.format(**{"killed": 0, "limit": 0} | values)
    command = [sys.executable, "-c", code, str(path), backend]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_full_disk_leaves_nothing(tmp_path, backend):
    done = run(tmp_path / "db", backend, limit=200_000)
    assert done.stdout.startswith(f"{tmp_path / 'db'}: cannot be written: ")
    assert "MB free there" in done.stdout
    assert names(tmp_path) == []


def test_a_killed_run_leaves_nothing_that_the_next_does_not_remove(tmp_path, backend):
    done = run(tmp_path / "db", backend, killed=int(signal.SIGKILL))
    assert done.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".db.")
    write_database(tmp_path / "db", records(3), backend)
    assert names(tmp_path) == ["db"]
