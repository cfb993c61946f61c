"""A GCS emulator for a session of tests, and the trainer's store behind a proxy that makes faults."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "trainer"))
sys.path.insert(0, str(Path(__file__).parents[1] / "sdk"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from fault_proxy import FaultProxy
from forking import Forker, warm

from longhaul.store import gcs

ROOT = Path(__file__).parents[3]
BUCKET = "trainer"
START_SECONDS = 600.0


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")
    urllib.request.urlopen(request, timeout=600).close()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator with the bucket `trainer`."""
    without = json.loads(os.environ.get("LONGHAUL_TESTS_WITHOUT", "{}")).get("emulators")
    if without:
        pytest.skip(f"no emulator: {without}")
    installed = subprocess.run(
        ["node", str(ROOT / "src" / "stack" / "emulators" / "print-gcs.ts")], capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, f"the GCS emulator cannot be installed: {installed.stderr}"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = {
        "scheme": "http",
        "host": "127.0.0.1",
        "port": str(port),
        "backend": "filesystem",
        "filesystem-root": str(tmp_path_factory.mktemp("gcs")),
        "public-host": f"127.0.0.1:{port}",
        "external-url": url,
        "log-level": "warn",
    }
    command = [installed.stdout.strip(), *(word for name, value in options.items() for word in (f"-{name}", value))]
    # Its end of the pipe closes with this process, however that ends.
    watchdog = '"$@" & child=$!; cat >/dev/null; kill "$child"'
    process = subprocess.Popen(["/bin/sh", "-c", watchdog, "sh", *command], stdin=subprocess.PIPE)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            post(f"{url}/storage/v1/b?project=test", f'{{"name": "{BUCKET}"}}'.encode())
            break
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the GCS emulator does not answer"
            time.sleep(0.05)
    yield url
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=600)


@pytest.fixture(scope="session")
def forker() -> Forker:
    return warm()


@pytest.fixture
def proxy(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The trainer's clients see the emulator through this."""
    with FaultProxy(emulator) as between:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", between.url)
        gcs.client.cache_clear()
        gcs._reader.cache_clear()
        yield between
        gcs.client.cache_clear()
        gcs._reader.cache_clear()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A prefix that no other test uses."""
    return f"gs://{BUCKET}/{os.getpid()}/{abs(hash(request.node.nodeid)):x}"
