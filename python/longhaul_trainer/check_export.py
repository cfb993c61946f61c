"""`python -m longhaul_trainer check-export URI`."""

from __future__ import annotations

import json

from .import_limits import examine
from .score import saved_model


def check_export(uri: str) -> int:
    """Prints a JSON report; 0 when nothing stands in the way of an import, 65 otherwise."""
    with saved_model(uri) as directory:
        report = examine(directory)
    print(json.dumps({"uri": uri, **report}))
    return 0 if not report["problems"] else 65
