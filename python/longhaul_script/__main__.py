"""What a script step's Job runs.

LONGHAUL_SCRIPT names a JSON object in the object store: language, file, source, requirements, outputs. The script finds

    LONGHAUL_INPUTS      its inputs, as JSON
    LONGHAUL_OUTPUT      the URI that its files end up under
    LONGHAUL_OUTPUT_DIR  a local directory: what it leaves there is put under LONGHAUL_OUTPUT when it succeeds
    LONGHAUL_OUTPUTS     a local file, where it writes its declared outputs as one JSON object
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from longhaul.errors import EXIT_PREEMPTED, TrialError
from longhaul.launch.environment import environment_for
from longhaul.launch.forwarding import Forwarding
from longhaul.store import join, open_store

from .interpreter import interpreter_of

EXIT_NO_INPUT = 66


def main() -> int:
    # The first process of a container has no default answer.
    signal.signal(signal.SIGTERM, _leave)
    script_uri, outputs_uri, output_uri = (os.environ[name] for name in ("LONGHAUL_SCRIPT", "LONGHAUL_OUTPUTS", "LONGHAUL_OUTPUT"))
    found = open_store(script_uri).read(script_uri)
    if found is None:
        print(f"longhaul_script: {script_uri} is not there", file=sys.stderr)
        return EXIT_NO_INPUT
    script = json.loads(found.data)
    with tempfile.TemporaryDirectory(prefix="longhaul-script-") as folder:
        files = Path(folder) / "output"
        files.mkdir()
        outputs = Path(folder) / "outputs.json"
        try:
            command = _command(script, Path(folder))
        except TrialError as error:
            print(f"{script['file']}: {error}", file=sys.stderr)
            return error.exit_code
        code = _run(command, {"LONGHAUL_OUTPUT_DIR": str(files), "LONGHAUL_OUTPUTS": str(outputs)})
        if code == 0:
            _keep(files, output_uri)
            # Last: who finds it finds the files too.
            if outputs.exists():
                open_store(outputs_uri).write(outputs_uri, [outputs.read_bytes()])
    return code


def _command(script: Mapping[str, Any], folder: Path) -> list[str]:
    path = folder / Path(script["file"]).name
    # To a shell the CR of an editor, or of git, on Windows is a part of the last word of a line.
    source = script["source"].replace("\r\n", "\n") if script["language"] == "shell" else script["source"]
    path.write_text(source, encoding="utf-8")
    python = environment_for("\n".join(sorted(script["requirements"])))
    # A script finds its requirements' programs, and `python`, first.
    os.environ["PATH"] = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    return [*interpreter_of(script["source"], script["language"], python), str(path)]


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    signals = Forwarding([signal.SIGTERM])
    child = subprocess.Popen(command, env={**_own_environment(), **environment})
    signals.to([child])
    code = child.wait()
    return 128 - code if code < 0 else code


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(EXIT_PREEMPTED)


def _own_environment() -> dict[str, str]:
    """Without our own packages: a script has what it declares."""
    hidden = {"PYTHONPATH", "LONGHAUL_SCRIPT"}
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _keep(files: Path, output_uri: str) -> None:
    store = open_store(output_uri)
    for path in sorted(files.rglob("*")):
        if path.is_file():
            store.upload(path, join(output_uri, *path.relative_to(files).parts))


if __name__ == "__main__":
    sys.exit(main())
