"""What was found, in the order in which it was found."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any


class Enough(Exception):
    """Thrown when something is broken and no more is asked for."""


@dataclass
class Report:
    """A `should` that fails breaks nothing."""

    fail_fast: bool = False
    checks: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, ok: bool, detail: str = "", *, level: str = "must") -> bool:
        self.checks.append({"name": name, "ok": ok, "level": level, "detail": detail})
        print(
            f"{'ok    ' if ok else 'BROKEN' if level == 'must' else 'warn  '} {name}{': ' + detail if detail else ''}",
            file=sys.stderr,
            flush=True,
        )
        if self.fail_fast and not self.ok:
            raise Enough
        return ok

    def problems(self, name: str, problems: list[str]) -> bool:
        return self.add(name, not problems, "; ".join(problems))

    @property
    def ok(self) -> bool:
        return all(check["ok"] for check in self.checks if check["level"] == "must")

    @property
    def broken(self) -> list[str]:
        return [check["name"] for check in self.checks if not check["ok"] and check["level"] == "must"]
