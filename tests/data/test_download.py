"""Downloads: whole, in parts, and with every fault a server can have."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from minicaffe.data import download
from minicaffe.data.download import Remote, fetch
from minicaffe.errors import DataError
from tests.data.web import serving

BODY = np.random.default_rng(5).bytes(300_001)  # five blocks, the last one not whole


def remote(body=BODY, bases=("http://127.0.0.1:1/",)):
    return Remote("set.bin", len(body), "md5", hashlib.md5(body).hexdigest(), tuple(bases))


@pytest.fixture
def web(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "PAUSES", (0, 0))
    with serving({"set.bin": BODY}) as web:
        yield web


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file(web, tmp_path):
    seen = []
    path = fetch(remote(), tmp_path, seen.append, bases=[web.base])
    assert path == tmp_path / "set.bin"
    assert path.read_bytes() == BODY
    assert seen == sorted(seen)
    assert seen[-1] == len(BODY)
    assert names(tmp_path) == ["set.bin"]


def test_a_file_that_is_there_is_not_asked_for(web, tmp_path):
    (tmp_path / "set.bin").write_bytes(BODY)
    fetch(remote(), tmp_path, bases=[web.base])
    assert web.asked == []


def test_another_file_of_that_name_is_left(web, tmp_path):
    (tmp_path / "set.bin").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"set.bin: md5 is not \w{32}: .*; remove it"):
        fetch(remote(), tmp_path, bases=[web.base])
    assert (tmp_path / "set.bin").read_bytes() == b"mine"


def test_goes_on_where_an_earlier_run_ended(web, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(BODY[:70_000])
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY
    assert web.asked == [("/set.bin", "bytes=70000-")]
    assert names(tmp_path) == ["set.bin"]


@pytest.mark.parametrize("lengths", [True, False])
def test_goes_on_after_a_cut(web, tmp_path, lengths):
    web.lengths = lengths
    web.cuts = [100_000, 0, 50_000]
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY
    assert [asked for _, asked in web.asked] == [
        None, "bytes=100000-", "bytes=100000-", "bytes=150000-",
    ]  # fmt: skip


def test_a_server_without_ranges_begins_anew(web, tmp_path):
    web.ranges = False
    web.cuts = [100_000]
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY
    assert len(web.asked) == 2


def test_a_part_of_another_file_is_thrown_away(web, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(b"x" * 70_000)
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY
    assert [asked for _, asked in web.asked] == ["bytes=70000-", None]


def test_a_part_that_is_too_long_is_thrown_away(web, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(BODY + b"more")
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY


def test_a_whole_part_needs_no_server(tmp_path):
    (tmp_path / "set.bin.part").write_bytes(BODY)
    assert fetch(remote(), tmp_path).read_bytes() == BODY


def test_gives_up_where_nothing_comes(web, tmp_path):
    web.cuts = [1000, 0, 0, 0]
    with pytest.raises(DataError, match=r"cannot be downloaded: http.*set.bin: .*broke off"):
        fetch(remote(), tmp_path, bases=[web.base])
    assert len(web.asked) == 4
    assert (tmp_path / "set.bin.part").read_bytes() == BODY[:1000]
    web.cuts = []
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY
    assert web.asked[-1] == ("/set.bin", "bytes=1000-")


def test_a_wrong_checksum(web, tmp_path):
    web.files["/set.bin"] = BODY[:-1] + b"?"
    with pytest.raises(DataError, match=r"set.bin: md5 is not .*kept as set.bin.bad"):
        fetch(remote(), tmp_path, bases=[web.base])
    assert names(tmp_path) == ["set.bin.bad"]
    web.files["/set.bin"] = BODY
    fetch(remote(), tmp_path, bases=[web.base])
    assert names(tmp_path) == ["set.bin", "set.bin.bad"]


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("page", [b"<p>sign in here</p>!", BODY * 2])
def test_a_page_of_another_size(web, tmp_path, page, lengths):
    web.files["/set.bin"], web.lengths = page, lengths
    message = f"has {len(page):,} bytes there, expected 300,001"
    if not lengths:
        message = "ends after 20 bytes, expected|more than 300,001 bytes came"
    with pytest.raises(DataError, match=message):
        fetch(remote(), tmp_path, bases=[web.base])
    assert "set.bin" not in names(tmp_path)


def test_what_is_not_there_is_asked_for_once(web, tmp_path):
    del web.files["/set.bin"]
    with pytest.raises(DataError, match=re.escape(f"{web.base}set.bin: 404 Not Found")):
        fetch(remote(), tmp_path, bases=[web.base])
    assert len(web.asked) == 1
    assert names(tmp_path) == []


def test_a_server_in_trouble_is_asked_again(web, tmp_path):
    web.states = [503, 429]
    assert fetch(remote(), tmp_path, bases=[web.base]).read_bytes() == BODY
    web.states = [500] * 3
    (tmp_path / "set.bin").unlink()
    with pytest.raises(DataError, match="500 Internal Server Error"):
        fetch(remote(), tmp_path, bases=[web.base])


def test_the_next_address_is_tried(web, tmp_path):
    with_two = remote(bases=[f"{web.base}gone/", web.base])
    assert fetch(with_two, tmp_path).read_bytes() == BODY
    assert [path for path, _ in web.asked] == ["/gone/set.bin", "/set.bin"]


def test_no_network(web, tmp_path):
    message = "set.bin: cannot be downloaded: http://127.0.0.1:1/set.bin: Connection refused"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        fetch(remote(), tmp_path)
    assert names(tmp_path) == []


def test_a_proxy_is_asked(web, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", web.base)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    web.files["http://nowhere.invalid/set.bin"] = BODY
    path = fetch(remote(), tmp_path, bases=["http://nowhere.invalid/"])
    assert path.read_bytes() == BODY
    assert web.asked == [("http://nowhere.invalid/set.bin", None)]


def test_two_at_once(web, tmp_path):
    with download._part(tmp_path / "set.bin") as file:
        with pytest.raises(DataError, match=r"set\.bin: another process is downloading it"):
            fetch(remote(), tmp_path, bases=[web.base])
        file.write(BODY)
    assert (tmp_path / "set.bin").read_bytes() == BODY


def test_no_room(web, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: Usage(300_000))
    with pytest.raises(DataError, match=r"needs 300,001 bytes on the disk, 300,000 are free"):
        fetch(remote(), tmp_path, bases=[web.base])
    assert web.asked == []
    assert names(tmp_path) == []


class Usage:
    def __init__(self, free):
        self.free = free


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk(web, tmp_path):
    (tmp_path / "set.bin.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"set.bin: cannot be written: No space left on device"):
        fetch(remote(), tmp_path, bases=[web.base])


def test_no_folder(web, tmp_path):
    with pytest.raises(DataError, match="cannot be written: No such file or directory"):
        fetch(remote(), tmp_path / "no", bases=[web.base])
