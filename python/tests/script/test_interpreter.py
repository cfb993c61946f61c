"""The `#!` line of a script step."""

from __future__ import annotations

import pytest

from longhaul.errors import UsageError
from longhaul_script.interpreter import interpreter_of


@pytest.mark.parametrize(
    ("language", "first", "command"),
    [
        ("shell", "echo none", ["/bin/sh", "-eu"]),
        ("shell", "", ["/bin/sh", "-eu"]),
        ("shell", "#!/bin/sh", ["/bin/sh", "-eu"]),
        ("shell", "#! /bin/bash\r", ["/bin/bash", "-eu"]),
        ("shell", "#!/bin/bash -", ["/bin/bash", "-eu"]),
        ("shell", "#!/bin/bash -o pipefail", ["/bin/bash", "-o pipefail", "-eu"]),
        ("shell", "#!/usr/bin/env bash", ["/usr/bin/env", "bash", "-eu"]),
        ("shell", "#!/usr/bin/env -S bash -x", ["/usr/bin/env", "-S bash -x", "-eu"]),
        ("shell", "#!/usr/bin/env python3", ["/usr/bin/env", "python3"]),
        ("shell", "#!/usr/bin/env -i", ["/usr/bin/env", "-i"]),
        ("shell", "# !/bin/bash", ["/bin/sh", "-eu"]),
        ("python", "import os", ["OURS"]),
        # The one with its requirements, whichever it names; its options hold.
        ("python", "#!/usr/bin/python3.9 -u", ["OURS", "-u"]),
        ("python", "#!/no/such/python3", ["OURS"]),
        ("python", "#!/usr/bin/env python3", ["OURS"]),
        ("python", "#!/usr/bin/env -S python3 -X dev -u", ["OURS", "-X", "dev", "-u"]),
        ("python", "#!/bin/cat", ["/bin/cat"]),
    ],
)
def test_the_program_that_a_script_names_runs_it(language: str, first: str, command: list[str]) -> None:
    assert interpreter_of(f"{first}\nrest", language, "OURS") == command


@pytest.mark.parametrize("first", ["#!/no/such/shell", "#!/usr/bin/env no-such-shell", "#!/usr/bin/env -S no-such-shell -x"])
def test_a_program_that_is_not_there_is_named(first: str) -> None:
    with pytest.raises(UsageError, match=r"no.such.shell, which is not in the image"):
        interpreter_of(first, "shell", "OURS")
