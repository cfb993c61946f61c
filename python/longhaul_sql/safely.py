"""NULL instead of an error. DuckDB's TRY takes no call of error(): of every macro there is a second one without, `safely_…`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_MACRO = re.compile(r"\bCREATE OR REPLACE MACRO (longhaul_\w+)\s*\(")


def prelude() -> str:
    """SQL that a database needs once before translated statements run in it; it calls functions of src/adapters/duckdb/google."""
    parts = sorted((each for each in files("longhaul_sql").iterdir() if each.name.startswith("prelude")), key=lambda each: each.name)
    return "\n".join(each.read_text(encoding="utf-8") for each in parts)


@cache
def _macros() -> re.Pattern[str]:
    names = sorted(set(_MACRO.findall(prelude())), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(names)})(?=\s*\()")


def safely(text: str) -> str:
    """An expression of DuckDB that is NULL where it would raise an error."""
    return f"TRY({_macros().sub(lambda name: name.group().replace('longhaul_', 'safely_', 1), text)})"
