"""GCS as it really is about generations, which the emulator is not: media of a generation that was replaced are 404."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

NOT_FOUND = b'{"error": {"code": 404, "message": "No such object"}}'


class GcsStub:
    """One bucket in memory: metadata, media (JSON and XML), lists, uploads with preconditions, deletes.

    `before_media` runs once, before the next media request that names its object is answered; `cut` breaks that answer after so many bytes.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.before_media: Callable[[str], None] | None = None
        self.cut: int | None = None
        self.status: int | None = None
        self.requests: list[str] = []
        self._generation = 1000
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> GcsStub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, name: str, data: bytes, if_generation: int | None = None) -> int | None:
        """The new generation; None where the precondition does not hold."""
        with self._lock:
            if if_generation is not None and self.objects.get(name, (0, b""))[0] != if_generation:
                return None
            self._generation += 1
            self.objects[name] = (self._generation, data)
            return self._generation

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def send(self, status: int, body: bytes = b"", generation: int | None = None, cut: int | None = None) -> None:
                self.send_response(status)
                if generation is not None:
                    self.send_header("X-Goog-Generation", str(generation))
                    self.send_header("ETag", f'"{generation}"')
                    self.send_header("Last-Modified", "Sun, 29 Nov 2026 10:00:00 GMT")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:cut])
                if cut is not None:
                    self.close_connection = True

            def refused(self) -> bool:
                length = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(length)
                stub.requests.append(f"{self.command} {self.path}")
                if stub.status is None:
                    return False
                self.send(stub.status, b'{"error": {"code": %d, "message": "made by the stub"}}' % stub.status)
                return True

            def do_GET(self) -> None:
                if self.refused():
                    return
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                if url.path.startswith(("/storage/", "/download/")) and "/o/" not in url.path:
                    prefix = query.get("prefix", "")
                    listed = [(name, held[0]) for name, held in sorted(stub.objects.items()) if name.startswith(prefix)]
                    items = [{"name": name, "generation": str(generation)} for name, generation in listed]
                    return self.send(200, json.dumps({"items": items}).encode())
                media = query.get("alt") == "media" or "/o/" not in url.path
                name = urllib.parse.unquote(url.path.split("/o/")[1] if "/o/" in url.path else url.path.split("/", 2)[2])
                cut = None
                if media and stub.before_media is not None:
                    hook, stub.before_media = stub.before_media, None
                    if stub.cut is not None:
                        cut, stub.cut = stub.cut, None
                        found = stub.objects[name]
                        self.send(200, found[1], found[0], cut)
                        return hook(name)
                    hook(name)
                held = stub.objects.get(name)
                if held is None or query.get("generation", str(held[0])) != str(held[0]):
                    return self.send(404, NOT_FOUND)
                if query.get("ifGenerationMatch", str(held[0])) != str(held[0]):
                    return self.send(412, b'{"error": {"code": 412, "message": "conditionNotMet"}}')
                if media:
                    return self.send(200, held[1], held[0])
                md5 = base64.b64encode(hashlib.md5(held[1]).digest()).decode()
                self.send(200, json.dumps({"name": name, "generation": str(held[0]), "size": str(len(held[1])), "md5Hash": md5}).encode())

            def do_POST(self) -> None:
                if self.refused():
                    return
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                boundary = self.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
                parts = self.body.split(b"--" + boundary)
                name = json.loads(parts[1].split(b"\r\n\r\n", 1)[1])["name"]
                data = parts[2].split(b"\r\n\r\n", 1)[1][:-2]
                condition = query.get("ifGenerationMatch")
                generation = stub.put(name, data, None if condition is None else int(condition))
                if generation is None:
                    return self.send(412, b'{"error": {"code": 412, "message": "conditionNotMet"}}')
                self.send(200, json.dumps({"name": name, "generation": str(generation)}).encode())

            def do_DELETE(self) -> None:
                if self.refused():
                    return
                name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path.split("/o/")[1])
                self.send(204 if stub.objects.pop(name, None) else 404)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler
