"""``python -m longhaul_sampler.own_process``: asks a sampler of one's own, a question a line on stdin, an answer a line on stdout.

It is started by ``longhaul.launch`` in the folder of the shipped code (:mod:`longhaul_sampler.own`).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import optuna

from .errors import InvalidRequest
from .request import AskRequest
from .studies import Studies

#: Lines of a traceback that say where.
SHOWN_LINES = 8


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with contextlib.suppress(OSError):
        # Where memory runs out it is this process that goes, and not the worker.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with _answers() as answers:
        sys.path.insert(0, os.getcwd())
        studies = Studies()
        questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(questions,), daemon=True).start()
        while True:
            answers.write(json.dumps(_answer(studies, json.loads(questions.get()))) + "\n")
            answers.flush()


def _read(questions: queue.SimpleQueue[str]) -> None:
    """Who asks has gone: whatever the sampler is at, nobody waits for it."""
    for line in sys.stdin:
        questions.put(line)
    os._exit(0)


@contextlib.contextmanager
def _answers() -> Iterator[IO[str]]:
    """Stdout for answers alone: what the sampler prints goes to stderr."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        yield answers


def _answer(studies: Studies, data: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": studies.ask(AskRequest.parse(data))}
    except InvalidRequest as error:
        return {"refused": str(error)}
    except Exception as error:
        lines = "".join(traceback.format_exception(error)).rstrip().splitlines()[-SHOWN_LINES:]
        return {"failed": f"{data['sampler']['class']}: {type(error).__name__}: {error}\n" + "\n".join(lines)}


if __name__ == "__main__":
    main()
