"""An object store on loopback in which every request takes a while: serves a directory as the buckets of GCS.

Run as `python slow_store.py ROOT LATENCY_SECONDS`; prints its port.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(sys.argv[1])
LATENCY_SECONDS = float(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(LATENCY_SECONDS)
        path = ROOT / unquote(self.path.lstrip("/").split("?")[0])
        try:
            file = path.open("rb")
        except OSError:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with file:
            status = path.stat()
            self.send_response(200)
            self.send_header("Content-Length", str(status.st_size))
            self.send_header("ETag", f'"{status.st_mtime_ns}"')
            self.send_header("Last-Modified", self.date_time_string(status.st_mtime))
            self.end_headers()
            self.wfile.flush()
            self.connection.sendfile(file)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
