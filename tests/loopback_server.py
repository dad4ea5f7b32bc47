"""A file server on the loopback interface that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclasses.dataclass
class Server:
    """What is served, and how; requests fills up."""

    content: bytes
    break_after: int | None = None  # bytes of an answer after which the connection ends
    breaks: int = 1_000_000  # how many answers break off
    status: int = 0  # answer this instead of the file
    failures: int = 1_000_000  # how many answers have that status
    ranges: bool = True  # False: ignore them
    wrong_range: bool = False  # answer 206 with another range
    announced: int | None = None  # lie about Content-Length
    chunked: bool = False  # no Content-Length at all
    url: str = ""
    requests: list[str | None] = dataclasses.field(default_factory=list)  # the Range header of each


@contextlib.contextmanager
def serving(state: Server) -> Iterator[Server]:
    """Serve at state.url until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.headers.get("Range"))
            _answer(self, state)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/archive.tar"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, state: Server) -> None:
    if state.status and state.failures > 0:
        state.failures -= 1
        handler.send_error(state.status)
        return
    asked = handler.headers.get("Range") if state.ranges else None
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    if asked and start >= len(state.content):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(state.content)}")
        handler.end_headers()
        return
    body = state.content[start:]
    handler.send_response(206 if asked else 200)
    if asked:
        shown = start + 5 if state.wrong_range else start
        handler.send_header("Content-Range", f"bytes {shown}-{len(state.content) - 1}/{len(state.content)}")
    if not state.chunked:
        handler.send_header("Content-Length", str(len(body) if state.announced is None else state.announced))
    handler.end_headers()
    if state.break_after is not None and state.breaks > 0:
        state.breaks -= 1
        body = body[: state.break_after]
    with contextlib.suppress(ConnectionError):  # the client may have gone
        handler.wfile.write(body)
