"""Models for others: written by the script into a folder, uploaded behind the loop, `READY` last."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UsageError
from .identity import CODE_DIGEST
from .resume.background import BackgroundWorker
from .store import Store, join

Fill = Callable[[Path], object]
#: Seconds between two looks at whether the thread behind the loop has failed.
LOOK_SECONDS = 0.2


class Exports:
    """`{output}/exports`. One upload at a time: the next model waits, so that none queues up on the disk."""

    def __init__(self, store: Store, output: str, background: BackgroundWorker, record: Callable[[dict[str, Any]], None]) -> None:
        self._store = store
        self._root = join(output, "exports")
        self._background = background
        self._record = record
        #: Records of models that are not there yet. A checkpoint must know of them: its training will not make the models again.
        self.unrecorded: list[dict[str, Any]] = []
        self._settled = threading.Event()
        self._settled.set()

    def write(self, name: str, fill: Fill, about: dict[str, Any], record: dict[str, Any]) -> None:
        """`about` becomes READY, with what is known only when the files are there; `record` is made then."""
        while not self._settled.wait(LOOK_SECONDS):
            self._background.check()
        if self._store.read(join(self._root, name, "READY")) is not None:
            self._record(record)  # an attempt that was killed later had come so far
            return
        folder = Path(tempfile.mkdtemp(prefix="longhaul-model-"))
        try:
            fill(folder)
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            if not files:
                raise UsageError("validation(model=…): expected the function to write files into the folder that it is given, found none")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._settled.clear()
        self.unrecorded = [record]
        self._background.do(lambda: self._upload(name, folder, files, about, record))

    def settled(self, seconds: float) -> bool:
        """Whether all that was written has been uploaded, at the latest after so long."""
        return self._settled.wait(seconds)

    def _upload(self, name: str, folder: Path, files: list[Path], about: dict[str, Any], record: dict[str, Any]) -> None:
        try:
            for path in files:
                self._store.upload(path, join(self._root, name, path.relative_to(folder).as_posix()))
            top = sorted(path.name for path in folder.iterdir())
            ready = {
                "export": name,
                **about,
                "time": time.time(),
                "savedModel": top[0] if len(top) == 1 else ".",
                "bytes": sum(path.stat().st_size for path in files),
                "code": os.environ.get(CODE_DIGEST),
            }
            self._store.write(join(self._root, name, "READY"), [json.dumps(ready).encode()])
            self._record(record)
            self.unrecorded = []
            self._settled.set()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
