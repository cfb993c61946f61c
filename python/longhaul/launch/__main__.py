"""Fetches the code, verifies it, installs what it requires, and runs the command in it until it ends.

    python -m longhaul.launch [--code URI] [--requirements URI] [--home FOLDER] [--secret NAME …] -- COMMAND …
    python -m longhaul.launch --prepare FOLDER [--code URI] [--requirements URI]

URIs end with the SHA-256 of what they name. `--prepare` is for the init container of a pod: it leaves this package, uv and
what it fetched in FOLDER, where `--home` finds them, so that the image of the training needs neither. `--secret` names a
variable whose value is hidden in all that is printed. Without `--code` the command runs where it is started.

Exit codes: those of the command; 64 to 78 where code or requirements are wrong; 127 where the command cannot be started.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ..errors import EXIT_CRASH, EXIT_PREEMPTED, EXIT_USAGE, TrialError
from ..identity import CODE_DIGEST
from ..termination import OWNER
from .child import run
from .environment import environment_for
from .fetch import digest_of, fetched, keep, unpack
from .redact import Redactor
from .tools import PACKAGES, carry_tools


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"longhaul.launch: {message}\n")


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    hidden = Redactor.of(options.secret, os.environ)
    if not os.environ.get("LONGHAUL_TRIAL"):
        # The first process of a container has no default answer; a trial's is the SDK's.
        signal.signal(signal.SIGTERM, _leave)
    try:
        if options.prepare:
            return _prepare(options)
        return _launch(options, hidden)
    except TrialError as error:
        print(f"longhaul: {hidden.text(str(error))}", file=sys.stderr, flush=True)
        return error.exit_code
    except OSError as error:
        print(f"longhaul: the code could not be prepared: {error}", file=sys.stderr, flush=True)
        return EXIT_CRASH


def _parser() -> argparse.ArgumentParser:
    found = _Parser(prog="python -m longhaul.launch", allow_abbrev=False)
    found.add_argument("--code", metavar="URI", help="the archive; the last part of the URI is its SHA-256")
    found.add_argument("--requirements", metavar="URI", help="a pip requirements file, likewise")
    found.add_argument("--home", type=Path, metavar="FOLDER", help="where `--prepare` has left everything, and where there is room")
    found.add_argument("--prepare", type=Path, metavar="FOLDER", help="fetch only")
    found.add_argument("--secret", action="append", default=[], metavar="NAME", help="a variable to hide the value of; may be repeated")
    found.add_argument("command", nargs="*", metavar="-- COMMAND")
    return found


def _prepare(options: argparse.Namespace) -> int:
    home: Path = options.prepare
    for uri in filter(None, (options.code, options.requirements)):
        keep(uri, home)
    carry_tools(home)
    return 0


def _launch(options: argparse.Namespace, hidden: Redactor) -> int:
    if not options.command:
        print("longhaul: expected a command after --", file=sys.stderr)
        return EXIT_USAGE
    home: Path | None = options.home
    # The SDK in this process answered for the trial until now; from here on it is the command that does.
    environment = {name: value for name, value in os.environ.items() if name != OWNER}
    if options.code is None:
        return run(options.command, Path.cwd(), sys.executable, environment, hidden)
    with tempfile.TemporaryDirectory(prefix="longhaul-code-", dir=home) as name:
        folder = Path(name) / "code"
        unpack(fetched(options.code, home), folder, options.code)
        python = sys.executable
        if options.requirements:
            python = environment_for(fetched(options.requirements, home).decode("utf-8"), home=home, inherit=True)
        environment[CODE_DIGEST] = digest_of(options.code)
        if home is not None:
            own = str(home / PACKAGES)
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), own)))
        return run(options.command, folder, python, environment, hidden)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(EXIT_PREEMPTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
