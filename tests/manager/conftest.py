"""A stand-in for NNI's manager on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from manager.fake_manager import FakeManager, Handler


@pytest.fixture
def manager() -> Iterator[FakeManager]:
    fake = FakeManager()
    handler = type("Bound", (Handler,), {"manager": fake})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        fake.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()
