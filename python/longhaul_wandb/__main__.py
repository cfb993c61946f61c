"""`python -m longhaul_wandb < request.json`: answers `{"all": true}`, or ends with a code of sysexits.h and says why on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from .package import NoPackage, run_where_wandb_is

UNAVAILABLE = 75
ACCESS_DENIED = 77
CONFIG = 78
#: Of what W&B's server and package say.
REFUSED = re.compile(r"\b40[13]\b|permission|unauthori[sz]ed|api key|not logged in|access denied", re.IGNORECASE)
AWAY = re.compile(r"connect|timed? ?out|timeout|busy|failed to execute|\b5\d\d\b|\b429\b", re.IGNORECASE)


def main() -> int:
    try:
        run_where_wandb_is("longhaul_wandb")
    except NoPackage as error:
        return end(CONFIG, str(error))
    import wandb.errors

    request = json.load(sys.stdin)
    try:
        # Whatever wandb prints is no answer of ours.
        with contextlib.redirect_stdout(sys.stderr):
            has_all = tell(request)
    except wandb.errors.Error as error:
        said = f"Weights & Biases: {error}"
        return end(ACCESS_DENIED if REFUSED.search(str(error)) and not AWAY.search(str(error)) else UNAVAILABLE, said)
    except OSError as error:
        return end(UNAVAILABLE, f"Weights & Biases: {error}")
    print(json.dumps({"all": has_all}))
    return 0


def tell(request: dict[str, Any]) -> bool:
    common = {"project": request["project"], "entity": request["entity"]}
    if request["folder"] is not None:
        from . import offline

        return offline.tell(request["run"], request["entries"], Path(request["folder"]), **common)
    from . import online

    # By the environment: command lines and requests are seen by more than this process.
    return online.tell(request["run"], request["entries"], request["baseUrl"], os.environ["LONGHAUL_WANDB_KEY"], **common)


def end(code: int, message: str) -> int:
    print(message, file=sys.stderr)
    return code


sys.exit(main())
