"""`compare.py CASES OUTCOMES [RESULTS]`: counts how the outcomes of cases compare with what GoogleSQL answers."""

from __future__ import annotations

import collections
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from stored import Exotic, google_type, stored_value
from texts import eq_loose, eq_text
from typed import eq, norm_type, rows_eq, same_type

DOCUMENTATION = "googlesql documentation"
KINDS = {
    "right": "right",
    "refused": "refused",
    "refused_badly": "refused badly",
    "silently_wrong": "silently wrong",
    "accepted_wrongly": "accepts what BigQuery rejects",
    "crash": "crash",
}
NOT_COUNTED = ("not run", "not comparable", "separate")
Verdict = tuple[str, str, str]


def has_null_element(v: Any) -> bool:
    if v is None:
        return False
    if v[0] == "a":
        return any(x is None for x in v[2]) or any(has_null_element(x) for x in v[2])
    if v[0] == "S":
        return any(has_null_element(x) for _, x in v[1])
    return False


def has_null_in_array(exp: Any) -> bool:
    if exp["kind"] == "rows":
        return any(has_null_element(v) for r in exp["rows"] if r for v in r)
    return exp["kind"] == "text" and any(re.match(r"\[.*\bNULL\b", v) for r in exp["rows"] for v in r)


def classify(case: Any, o: Any) -> Verdict:
    """Kind, reason and detail of an outcome."""
    stage = o["stage"]
    exp = case["expect"]
    if "separate" in case:
        return "separate", case["separate"], ""
    if stage in ("no table", "source refused"):
        return "not run", "NUMERIC, JSON or the like in a table", ""
    if stage == "crash":
        return "crash", "", o["error"]["message"]
    if stage == "compile":
        p = o["problem"]
        msg = p["message"]
        if "could not be analysed" in msg:
            return "refused badly", "analysis failed", msg
        if exp["kind"] == "error":
            return "right", "refused; BigQuery errs too", msg
        if msg.startswith("this is not GoogleSQL"):
            return "refused badly", "said not to be GoogleSQL", msg
        return "refused", "", msg
    if stage in ("plan", "run"):
        err = o["error"]
        msg = err["message"]
        if "two columns of the result are named" in msg:
            return "right", "duplicate column names", msg
        if exp["kind"] == "error":
            return "right", "error at run time", msg
        if "an array of the result has a NULL in it" in msg and has_null_in_array(exp):
            return "right", "NULL in an array: BigQuery errs too", msg
        if err.get("type") in (None, "Unavailable") or "INTERNAL" in msg:
            return "crash", stage, msg
        return "refused badly", "only by DuckDB's binder, when the tables are there" if stage == "plan" else "only at run time", msg
    return of_rows(case, o["file"], o.get("types", []))


def described_type(stored: Any, described: str) -> Any:
    """The type of a column: the file has texts where the table's description says JSON."""
    if stored == "STRING" and described == "JSON":
        return "JSON"
    if isinstance(stored, list) and stored[0] == "ARRAY" and described.startswith("ARRAY<"):
        return ["ARRAY", described_type(stored[1], described.removeprefix("ARRAY<").removesuffix(">"))]
    return stored


def of_rows(case: Any, file: str, types: list[str]) -> Verdict:
    exp = case["expect"]
    try:
        t = pq.read_table(file)
        cols = []
        for i, f in enumerate(t.schema):
            cols.append([stored_value(f.type, v) for v in t.column(i).to_pylist()])
        rows = [list(r) for r in zip(*cols, strict=True)] if cols else []
    except Exotic as x:
        return "silently wrong", "type", f"stored as {x}"
    except (OverflowError, ValueError) as x:
        return "silently wrong", "value out of BigQuery's range", repr(x)[:200]
    got = json.dumps({"columns": [[f.name, google_type(f.type)] for f in t.schema], "rows": rows[:6]}, ensure_ascii=False)[:1500]
    if exp["kind"] == "error":
        if exp["status"] == "invalid_argument":
            return "accepts what BigQuery rejects", "analysis", got
        return "silently wrong", "rows where BigQuery raises an error", got
    notes: set[str] = set()
    if exp["kind"] == "rows":
        if any(r is None for r in exp["rows"]):
            return "not comparable", "NULL rows of a value table", got
        names = [n.lower() for n, _ in exp["columns"] if n]
        if len(set(names)) != len(names):
            return "accepts what BigQuery rejects", "duplicate column names", got
        if len(exp["columns"]) != len(t.schema) and exp["rows"]:
            return "silently wrong", "columns", got
        for (n, _), f in zip(exp["columns"], t.schema, strict=False):
            if n and not n.startswith("$") and n.lower() != f.name.lower():
                notes.add("column names")
        verdict = rows_eq(exp["rows"], rows, exp["ordered"], eq, notes)
        if not verdict:
            bad = []
            for i, ((n, ty), f) in enumerate(zip(exp["columns"], t.schema, strict=False)):
                found = described_type(google_type(f.type), types[i] if i < len(types) else "")
                if not same_type(norm_type(ty), found, notes):
                    bad.append(f"{n or i}: {ty} for {found}")
            if bad:
                every_null = all(r[i] is None for i in range(len(exp["columns"])) for r in exp["rows"])
                return ("silently wrong", "type of NULLs" if every_null or not exp["rows"] else "type", "; ".join(bad) + " " + got)
        nulls = any(has_null_element(v) for r in exp["rows"] for v in r)
        if nulls:
            return (
                ("accepts what BigQuery rejects", "NULL in an array of the result", got)
                if not verdict
                else ("not comparable", "NULL in an array", got)
            )
    else:
        f = eq_text if exp["kind"] == "text" else eq_loose
        if exp["rows"] and len(exp["rows"][0]) != len(t.schema):
            return "silently wrong", "columns", got
        verdict = rows_eq(exp["rows"], rows, exp["ordered"], f, notes)
        if verdict == "order":
            return "right", "order not compared", got
        if verdict and case.get("default_zone"):
            return "not comparable", "documentation of another default time zone", got
    if verdict:
        if case.get("nondeterministic"):
            return "not comparable", "non-deterministic by its own note", got
        return "silently wrong", verdict, got
    if "sign of zero" in notes:
        return "silently wrong", "sign of zero", got
    if "struct field names" in notes:
        return "silently wrong", "struct field names", got
    if "column names" in notes:
        return "silently wrong", "column names", got
    return "right", ", ".join(sorted(notes)), got


def excepted(exceptions: list[dict[str, str]], case: Any, verdict: str) -> dict[str, str] | None:
    """The exception whose patterns all match: BigQuery's documentation says otherwise than the case, or the case itself is at fault."""
    parts = {
        "verdict": verdict,
        "id": case["id"],
        "statement": case["sql"],
        "message": str(case["expect"].get("message", "")),
        "expected": json.dumps(case["expect"].get("rows", []), ensure_ascii=False),
    }
    for each in exceptions:
        if all(re.search(pattern, parts[part], re.IGNORECASE) for part, pattern in each.items() if part != "reason"):
            return each
    return None


def has_no_table(case: Any, kind: str, detail: str) -> bool:
    """Whether the statement reads a table without a data set that neither it nor the case has."""
    found = re.match(r"the table (\w+) has no dataset", detail) if kind == "refused" else None
    own = re.compile(rf"\b{found.group(1)}`?\s+AS\s*\(", re.IGNORECASE) if found else None
    return own is not None and not own.search(case["sql"]) and not case.get("tables")


def lines_of(file: str) -> Iterator[Any]:
    with Path(file).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    cases = {case["id"]: case for case in lines_of(sys.argv[1])}
    exceptions = json.loads(Path(__file__).with_name("exceptions.json").read_text(encoding="utf-8"))
    counts: collections.Counter[str] = collections.Counter()
    kinds: collections.Counter[str] = collections.Counter()
    documented: collections.Counter[bool] = collections.Counter()
    results = []
    for outcome in lines_of(sys.argv[2]):
        case = cases[outcome["id"]]
        kind, reason, detail = classify(case, outcome)
        exception = excepted(exceptions, case, reason)
        if exception is not None and kind in ("silently wrong", "accepts what BigQuery rejects", "refused", "refused badly"):
            kind, reason = ("refused" if kind.startswith("refused") else "excepted"), exception["reason"]
        counts[kind] += 1
        kinds[f"{kind}: {reason}" if reason else kind] += 1
        if exception is None and has_no_table(case, kind, detail):
            reason = "the page makes the table elsewhere: BigQuery, too, refuses one without a data set"
            exception = {"reason": reason}
        if case.get("source") == DOCUMENTATION and kind not in NOT_COUNTED and not (exception is not None and kind != "right"):
            documented[kind == "right"] += 1
        results.append({"class": kind, "sub": reason, "detail": detail, "stage": outcome["stage"], **case})
    if len(sys.argv) > 3:
        with Path(sys.argv[3]).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in results)
    result: dict[str, float] = {name: counts[kind] for name, kind in KINDS.items()}
    of_documentation = sum(documented.values())
    result["documentation_right_share"] = round(documented[True] / of_documentation, 4) if of_documentation else 1.0
    print(json.dumps({"kinds": dict(sorted(kinds.items())), "result": result}))


if __name__ == "__main__":
    main()
