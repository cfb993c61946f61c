"""Which program runs a script: the one that its `#!` line names, as for a file that is executed (execve(2))."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import PurePath

from longhaul.errors import UsageError

SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"})
#: A shell script ends with the first command that fails, and at a variable that is not set.
STRICT = "-eu"
PYTHON = re.compile(r"python[\d.]*")


def interpreter_of(source: str, language: str, python: str) -> list[str]:
    """The command that the script's path is to be added to.

    `python`: the interpreter with the script's requirements, which takes the place of any Python that a Python script names.

    Raises:
        UsageError: the program is not there.

    Example:
        >>> interpreter_of("#!/bin/bash -x", "shell", "python")
        ['/bin/bash', '-x', '-eu']
    """
    words = _named(source)
    if not words:
        return [python] if language == "python" else ["/bin/sh", STRICT]
    called = _called(words)
    name = PurePath(called[0]).name if called else ""
    if language == "python" and PYTHON.fullmatch(name):
        return [python, *called[1:]]
    if called and shutil.which(called[0]) is None:
        raise UsageError(f"its first line, #!{' '.join(words)}, names {called[0]}, which is not in the image of this step")
    if name in SHELLS:
        # `-` and `--` end the options, of which there is one more.
        return [*(word for word in words if word not in ("-", "--")), STRICT]
    return words


def _named(source: str) -> list[str]:
    """Program and, as Linux has it, at most one argument."""
    first = source.partition("\n")[0].strip()
    return first[2:].strip().split(maxsplit=1) if first.startswith("#!") else []


def _called(words: list[str]) -> list[str]:
    """What `env` calls, otherwise the words themselves; nothing where env has options of its own."""
    if PurePath(words[0]).name != "env" or len(words) == 1:
        return words
    split = words[1].removeprefix("-S")
    called = shlex.split(split) if split != words[1] else [words[1]]
    return [] if called[:1] and (called[0].startswith("-") or "=" in called[0]) else called
