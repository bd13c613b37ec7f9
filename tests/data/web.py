"""A web server for tests, with the faults that downloads meet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Web:
    """What the server has and does.

    Attributes:
        files: path to contents.
        ranges: it knows Range.
        cuts: after how many bytes of an answer's body it closes the connection, one an answer.
        states: what it answers first, in place of the file.
        lengths: it says how long a body is.
        asked: (path, Range) of each request.
    """

    files: dict[str, bytes]
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    states: list[int] = field(default_factory=list)
    lengths: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    base: str = ""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Web]:
    """A server for ``files``, on a port of this machine."""
    web = Web({f"/{name}": contents for name, contents in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Range"]
            web.asked.append((self.path, asked))
            state = web.states.pop(0) if web.states else 200
            body = web.files.get(self.path)
            if state != 200 or body is None:
                self.send_error(404 if body is None else state)
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and web.ranges else 0
            if start and start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
            if web.lengths:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: web.cuts.pop(0)] if web.cuts else body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.base = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
