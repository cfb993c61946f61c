"""An HTTP proxy before a server, which makes the faults that networks and services make."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

#: Of one connection to the other, not of the message.
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "content-length"}
SLICE = 4096
REFUSAL = b'{"error": {"message": "made by the fault proxy"}}'


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    status: the service answers so, without having seen the request. reset: the connection breaks before it arrives.
    lost-answer: it is served, the answer lost. cut: the connection breaks after `amount` bytes of the body.
    slow: the body comes at `amount` bytes a second.
    """

    kind: str
    amount: int = 0


Rule = Callable[[str, str, int], Fault | None]


class FaultProxy:
    """`rule(method, path, index)` decides about each request; None lets it pass."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.rule: Rule = lambda _method, _path, _index: None
        self.requests: list[tuple[str, str]] = []
        self.faults = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def decide(self, method: str, path: str) -> Fault | None:
        with self._lock:
            fault = self.rule(method, path, len(self.requests))
            self.requests.append((method, path))
            self.faults += fault is not None
            return fault

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                body = self._body()
                fault = proxy.decide(self.command, self.path)
                if fault is not None and fault.kind == "status":
                    self._send(
                        fault.amount, {"Content-Type": "application/json"}, b'{"error": {"message": "made by the fault proxy"}}', None
                    )
                elif fault is not None and fault.kind == "reset":
                    self._reset()
                else:
                    status, headers, answer = self._forward(body)
                    if fault is not None and fault.kind == "lost-answer":
                        self._reset()
                    else:
                        self._send(status, headers, answer, fault)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    found += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return found

            def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                connection = http.client.HTTPConnection(urlsplit(proxy.upstream).netloc, timeout=60)
                try:
                    passed = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                    connection.request(self.command, self.path, body=body, headers=passed)
                    answer = connection.getresponse()
                    headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
                    # A resumable upload goes on at this address: through the proxy, too.
                    headers = {name: value.replace(proxy.upstream, proxy.url) for name, value in headers.items()}
                    return answer.status, headers, answer.read()
                finally:
                    connection.close()

            def _send(self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if fault is not None and fault.kind == "cut" and fault.amount < len(body):
                    self.wfile.write(body[: fault.amount])
                    self._reset()
                    return
                rate = fault.amount if fault is not None and fault.kind == "slow" else 0
                for start in range(0, len(body), SLICE if rate else max(1, len(body))):
                    piece = body[start : start + SLICE] if rate else body
                    self.wfile.write(piece)
                    if rate:
                        time.sleep(len(piece) / rate)

            def _reset(self) -> None:
                self.close_connection = True
                self.wfile.flush()
                # Linger of 0 s: a reset, not an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, ValueError, OSError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler
