"""A proxy before a server on loopback that fails as stores do: 503, connections reset, answers that are lost."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_SLOW_DOWN = b"<Error><Code>SlowDown</Code></Error>"
_FAULTS = ("503", "reset", "answer lost")
_EVERY = 3
"""One in so many kinds of request fails, the first time that it is made."""
_ASK = "/-/failed"
_OF_BODY = ("transfer-encoding", "content-length", "expect")
_OWN = ("transfer-encoding", "connection", "content-length", "date", "server")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A connection that was reset is what it is for."""


class _Proxy:
    """Takes requests, and passes on or fails each."""

    def __init__(self, target: str) -> None:
        self.failed: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._target = urlsplit(target).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                proxy._handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)

    def _fault(self, request: str) -> str | None:
        """How a request fails; of the same one only the first."""
        chosen = zlib.crc32(request.encode())
        with self._lock:
            if chosen % _EVERY or request in self._seen:
                return None
            self._seen.add(request)
            fault = _FAULTS[chosen // _EVERY % len(_FAULTS)]
            self.failed[fault] += 1
            return fault

    def _handle(self, asked: BaseHTTPRequestHandler) -> None:
        if asked.path == _ASK:
            _answer(asked, 200, {"Content-Type": "application/json"}, json.dumps(self.failed).encode())
            return
        body = _body(asked)
        fault = self._fault(f"{asked.command} {asked.path}")
        if fault == "503":
            _answer(asked, 503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
        elif fault == "reset":
            _reset(asked)
        else:
            connection = http.client.HTTPConnection(self._target, timeout=60)
            headers = {name: value for name, value in asked.headers.items() if name.lower() not in _OF_BODY}
            connection.request(asked.command, asked.path, body, {**headers, "Content-Length": str(len(body))})
            answer = connection.getresponse()
            given = answer.read()
            connection.close()
            if fault is None:
                _answer(asked, answer.status, dict(answer.getheaders()), given)
            else:
                _reset(asked)


def _body(asked: BaseHTTPRequestHandler) -> bytes:
    """What a request holds, also one that comes in chunks."""
    if asked.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
    parts = []
    while size := int(asked.rfile.readline().partition(b";")[0], 16):
        parts.append(asked.rfile.read(size))
        asked.rfile.readline()
    while asked.rfile.readline().strip():
        pass
    return b"".join(parts)


def _answer(asked: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    asked.send_response(status)
    for name, value in headers.items():
        if name.lower() not in _OWN:
            asked.send_header(name, value)
    length = next((value for name, value in headers.items() if name.lower() == "content-length"), str(len(body)))
    asked.send_header("Content-Length", length if asked.command == "HEAD" else str(len(body)))
    asked.end_headers()
    if asked.command != "HEAD":
        asked.wfile.write(body)


def _reset(asked: BaseHTTPRequestHandler) -> None:
    """End the connection as a host does that is gone."""
    asked.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asked.connection.close()
    asked.close_connection = True


@dataclass(frozen=True)
class FailingProxy:
    """The proxy, in a process of its own: who asks it may hold this one's lock meanwhile.

    Attributes:
        url: Of its endpoint.
    """

    url: str

    def failed(self) -> dict[str, int]:
        """How often it failed, by how."""
        with urllib.request.urlopen(f"{self.url}{_ASK}") as answer:
            found: dict[str, int] = json.load(answer)
        return found


@contextmanager
def failing_proxy(target: str) -> Iterator[FailingProxy]:
    """Start a proxy before a server, and end it.

    Args:
        target: URL of the server.
    """
    command = [sys.executable, "-m", __name__, target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout is not None
        try:
            yield FailingProxy(process.stdout.readline().strip())
        finally:
            process.terminate()


if __name__ == "__main__":
    proxy = _Proxy(sys.argv[1])
    sys.stdout.write(f"http://127.0.0.1:{proxy.server.server_address[1]}\n")
    sys.stdout.flush()
    proxy.server.serve_forever()
