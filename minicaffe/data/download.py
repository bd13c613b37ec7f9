"""Downloads that go on where they broke off, and have their name only once they are verified."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from minicaffe import __version__
from minicaffe.errors import DataError

try:
    import fcntl
except ImportError:  # not POSIX: two processes must not download to one folder
    fcntl = None  # type: ignore[assignment]

PART, BAD = ".part", ".bad"  # ends of the names of what is not whole, and of what is wrong
BLOCK = 1 << 16  # bytes read at once
TIMEOUT = 30  # seconds without a byte
PAUSES = (1, 2, 4, 8, 16)  # seconds before each further try, while none brings anything
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP states that may be better in a while
BEYOND = 416  # HTTP state: the part asked for begins after the end

OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class Remote:
    """A file that others hand out.

    Attributes:
        name: of the file.
        size: in bytes.
        algorithm: of the checksum, as ``hashlib`` calls it.
        digest: the checksum, in hexadecimal.
        bases: addresses of the folders that have it, each with the slash at its end.
    """

    name: str
    size: int
    algorithm: str
    digest: str
    bases: tuple[str, ...]

    def matches(self, path: Path) -> bool:
        """The file at ``path`` is this one."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest() == self.digest


def fetch(
    remote: Remote,
    folder: Path,
    on_bytes: OnBytes = lambda done: None,
    *,
    bases: Sequence[str] = (),
) -> Path:
    """Download ``remote`` to ``folder``, unless it is there.

    What has come lies beside its name with ``.part`` at the end, and a later call asks for the
    rest. Proxies are those of the environment.

    Args:
        remote: the file.
        folder: where it shall lie; it is there.
        on_bytes: called with how many bytes have come in all, now and then.
        bases: where to ask, in place of ``remote.bases``.

    Returns:
        The file, verified.

    Raises:
        DataError: it cannot be had, the disk is full, or its checksum is wrong; what has come
            stays, under ``.bad`` if it is wrong.
    """
    path = folder / remote.name
    urls = [base + remote.name for base in bases or remote.bases]
    if not path.exists():
        try:
            with _part(path) as file:
                _download(urls, remote, file, on_bytes)
        except OSError as error:
            raise DataError(f"cannot be written: {error.strerror or error}", str(path)) from error
    elif not remote.matches(path):
        raise DataError(
            f"{remote.algorithm} is not {remote.digest}: this is another file, or a damaged one; "
            "remove it to download it again",
            str(path),
        )
    return path


@contextmanager
def _part(path: Path) -> Iterator[BinaryIO]:
    """The file for what has come; it is ``path`` at the end."""
    part = path.with_name(path.name + PART)
    with part.open("a+b") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DataError("another process is downloading it", str(path)) from error
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
        finally:
            if part.exists() and not part.stat().st_size:
                part.unlink()


def _download(urls: Sequence[str], remote: Remote, file: BinaryIO, on_bytes: OnBytes) -> None:
    """Fill ``file``; begin anew if what an earlier run left turns out to be of another file."""
    part = Path(file.name)
    left = file.seek(0, os.SEEK_END)
    free = shutil.disk_usage(part.parent).free
    if free < remote.size - left:
        raise DataError(
            f"needs {remote.size - left:,} bytes on the disk, {free:,} are free",
            str(part.with_name(remote.name)),
        )
    for again in (left > 0, False):
        _from_any(urls, remote, file, on_bytes)
        file.flush()
        if remote.matches(part):
            return
        if not again:
            break
        file.truncate(0)
    bad = part.with_name(remote.name + BAD)
    part.replace(bad)
    raise DataError(
        f"{remote.algorithm} is not {remote.digest}: what has come is kept as {bad.name}",
        str(part.with_name(remote.name)),
    )


def _from_any(urls: Sequence[str], remote: Remote, file: BinaryIO, on_bytes: OnBytes) -> None:
    failures = []
    for url in urls:
        failure = _from(url, remote, file, on_bytes)
        if failure is None:
            return
        failures.append(f"{url}: {failure}")
    raise DataError(f"cannot be downloaded: {'; '.join(failures)}", remote.name)


def _from(url: str, remote: Remote, file: BinaryIO, on_bytes: OnBytes) -> str | None:
    """Ask ``url`` for what ``file`` lacks until it is whole, or asking is of no more use.

    Returns:
        What went wrong.
    """
    tries, furthest, begun = 0, 0, False
    while True:
        before = file.seek(0, os.SEEK_END)
        furthest = max(furthest, before)
        if before == remote.size:
            return None
        why = "the connection broke off"
        try:
            with _answer(url, before) as response:
                if refusal := _unlike(response, before, remote):
                    return refusal
                _take(response, remote, file, on_bytes)
        except HTTPError as error:
            error.close()
            why = f"{error.code} {error.reason}"
            if error.code == BEYOND:
                why = f"ends after {before:,} bytes, expected {remote.size:,}: another file"
                file.truncate(0)
            elif error.code not in PASSING:
                return why
        except URLError as error:  # it never answered
            why = _words(error.reason)
            if not begun:
                return why
        except (HTTPException, ConnectionError, TimeoutError) as error:
            why = _words(error) or why
        after = file.seek(0, os.SEEK_END)
        begun = begun or after > before
        if after > furthest:  # or it would begin anew for ever
            tries, furthest = 0, after
        elif tries == len(PAUSES):
            return why
        else:
            time.sleep(PAUSES[tries])
            tries += 1


def _words(error: object) -> str:
    """What an error of the network says, without its number."""
    return str(getattr(error, "strerror", None) or error)


def _answer(url: str, start: int) -> HTTPResponse:
    """The answer to a request for what ``url`` has from byte ``start``."""
    headers = {"User-Agent": f"minicaffe/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    opener = build_opener()  # urlopen's would keep to the proxies of its first use
    response: HTTPResponse = opener.open(Request(url, headers=headers), timeout=TIMEOUT)
    return response


def _unlike(response: HTTPResponse, start: int, remote: Remote) -> str:
    """Why this cannot be the file: a login page has another size, say."""
    length = response.headers.get("Content-Length", "")
    whole = int(length) + (start if response.status == 206 else 0) if length.isdecimal() else None
    if whole is None or whole == remote.size:
        return ""
    return f"has {whole:,} bytes there, expected {remote.size:,}: another file"


def _take(response: HTTPResponse, remote: Remote, file: BinaryIO, on_bytes: OnBytes) -> None:
    """Add what comes to ``file``, or put it in place of what is there if the server began anew."""
    done = file.seek(0, os.SEEK_END)
    if done and response.status != 206:
        file.truncate(0)
        done = 0
    elif done and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        file.truncate(0)
        raise HTTPException("the server sent another part than it was asked for")
    while chunk := response.read(BLOCK):
        if done + len(chunk) > remote.size:
            file.truncate(0)
            raise HTTPException(f"more than {remote.size:,} bytes came: another file")
        file.write(chunk)
        done += len(chunk)
        on_bytes(done)
