"""`python -m longhaul_sql`: one request as a line of JSON on stdin, one answer as a line of JSON on stdout."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import sqlglot

from longhaul_sql import RULES_VERSION, Refusal, translate
from longhaul_sql.safely import prelude


def answer(request: dict[str, Any]) -> dict[str, Any]:
    operation = request.get("op")
    if operation == "version":
        return {"ok": True, "sqlglot": sqlglot.__version__, "rules": RULES_VERSION, "prelude": prelude()}
    if operation != "translate":
        return _mistake(request, f"unknown op {operation!r}", "translate or version")
    text = request.get("sql")
    if not isinstance(text, str):
        return _mistake(request, "sql is missing", "a text")
    types = request.get("parameters")
    if types is not None and not (isinstance(types, dict) and all(isinstance(each, str) for each in types.values())):
        return _mistake(request, "parameters are wrong", "an object of GoogleSQL types by name")
    try:
        schemas = {name: [(each["name"], each["type"]) for each in columns] for name, columns in (request.get("schemas") or {}).items()}
    except (AttributeError, KeyError, TypeError):
        return _mistake(request, "schemas are wrong", "lists of { name, type } by the name of a table")
    try:
        found = translate(
            text, default_dataset=request.get("defaultDataset"), project=request.get("project"), parameter_types=types, schemas=schemas
        )
    except Refusal as refusal:
        return {"ok": False, "error": refusal.problem(text, str(request.get("file") or ""))}
    statements = [
        {"kind": each.kind, "sql": each.sql, "target": each.target, "reads": each.reads, "orderSensitive": each.order_sensitive}
        for each in found.statements
    ]
    file = str(request.get("file") or "")
    warnings = [Refusal(message, offset).problem(text, file) for offset, message in found.warnings]
    return {"ok": True, "statements": statements, "parameters": found.parameters, "warnings": warnings}


def _mistake(request: dict[str, Any], message: str, expected: str) -> dict[str, Any]:
    return {
        "ok": False,
        "error": {"file": str(request.get("file") or ""), "line": 1, "column": 1, "message": message, "expected": expected},
    }


def main() -> None:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    for line in sys.stdin:
        if not line.strip():
            continue
        request: dict[str, Any] = {}
        try:
            request = json.loads(line)
            reply = answer(request)
        except json.JSONDecodeError as error:
            reply = _mistake({}, f"this line is no JSON: {error.msg}", "one request a line")
        except RecursionError:
            reply = _mistake(request, "the statement is nested too deeply", "fewer nested parentheses and subqueries")
        except Exception as error:
            reply = _mistake(request, f"the statement could not be analysed ({type(error).__name__}: {error})", "GoogleSQL")
        # Escaped: readers of lines also end one at U+2028, U+2029 or U+0085, which may stand in a literal.
        print(json.dumps({"id": request.get("id") if isinstance(request, dict) else None, **reply}), flush=True)


if __name__ == "__main__":
    main()
