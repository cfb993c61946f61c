"""Calls the command line, which compiles pipelines and reads the ledger: neither is done a second time here."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .errors import CannotConnectError, CommandError, InvalidInputError, LonghaulError, RefusedError, UnknownRunError

#: Names the command where it is not on PATH: `node /opt/longhaul/bin/longhaul.mjs`.
VARIABLE = "LONGHAUL_CLI"
#: By exit code (docs/cli.md).
ERRORS: dict[int, type[LonghaulError]] = {2: InvalidInputError, 3: RefusedError, 4: CannotConnectError}


def command() -> list[str]:
    """That of `LONGHAUL_CLI`, of PATH, or of the npm project or clone around the working directory.

    Raises:
        CommandError: there is none.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return shlex.split(named)
    found = shutil.which("longhaul")
    if found:
        return [found]
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "node_modules" / ".bin" / "longhaul").exists():
            return [str(folder / "node_modules" / ".bin" / "longhaul")]
        if (folder / "bin" / "longhaul.mjs").exists():
            return ["node", str(folder / "bin" / "longhaul.mjs")]
    raise CommandError(f"the command `longhaul` is not on PATH; install it (docs/install.md), or name it in {VARIABLE}")


def ask(*arguments: str) -> Any:
    """What `longhaul … --output json` answers.

    Raises:
        InvalidInputError, RefusedError, CannotConnectError: as its exit codes 2, 3 and 4 mean them
        CommandError: anything else
    """
    words = [*command(), *arguments, "--output", "json"]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CommandError(f"{words[0]} cannot be started: {error}") from error
    if done.returncode != 0:
        raise _failure(done.returncode, done.stderr)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise CommandError(f"{shlex.join(words)} answered no JSON: {done.stdout[:200]}") from error


def _failure(code: int, talk: str) -> LonghaulError:
    """The last line of JSON says it; other lines are talk."""
    for line in reversed(talk.splitlines()):
        try:
            error = json.loads(line)["error"]
        except (ValueError, KeyError, TypeError):
            continue
        text = "\n".join(map(_problem, error["problems"])) if error.get("problems") else str(error["message"])
        kind = UnknownRunError if error.get("type") == "UnknownRunError" else ERRORS.get(code, CommandError)
        return kind(text)
    return ERRORS.get(code, CommandError)(talk.strip() or f"the command ended with {code}")


def _problem(problem: dict[str, Any]) -> str:
    """`pipeline.yaml: steps.search.space: …; expected …, found …; hint`"""
    line = problem.get("line")
    place = f"{problem.get('file', '')}:{line}" if line is not None else str(problem.get("file", ""))
    where = ": ".join(part for part in (place, problem.get("path") or "") if part)
    wanted = ", ".join(f"{word} {problem[word]}" for word in ("expected", "found") if problem.get(word) is not None)
    return "; ".join(part for part in (f"{where}: {problem['message']}", wanted, problem.get("hint") or "") if part)
