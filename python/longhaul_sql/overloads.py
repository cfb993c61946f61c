"""Functions that DuckDB chooses by the type of an argument: that of an aggregate it does not know, so the aggregate is computed before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from sqlglot import exp

from longhaul_sql import casts, expressions, numbers, safe_functions, texts  # noqa: F401 - their rules are wrapped here
from longhaul_sql.registry import AGGREGATES, WINDOW_FUNCTIONS, name_of
from longhaul_sql.safely import prelude
from longhaul_sql.types import Sql
from longhaul_sql.writer import EXPRESSIONS, Rule, Writer, Written

_WRAPPED = (
    exp.Anonymous,
    exp.DPipe,
    exp.Like,
    exp.Cast,
    exp.TryCast,
    exp.BitwiseAnd,
    exp.BitwiseOr,
    exp.BitwiseXor,
    exp.BitwiseNot,
)


@cache
def _special() -> re.Pattern[str]:
    """Calls of macros whose parameters have types, and of TRY, which takes no aggregates, also inside of a macro."""
    bodies = dict(re.findall(r"\bCREATE OR REPLACE MACRO (longhaul_\w+)([\s\S]*?)(?=\nCREATE |\n--|\Z)", prelude()))
    found = {name for name, body in bodies.items() if re.match(r"\s*\(\w+ [A-Z]", body) or "TRY(" in body}
    while more := {name for name, body in bodies.items() if name not in found and found & set(re.findall(r"longhaul_\w+", body))}:
        found |= more
    names = "|".join(sorted((name.removeprefix("longhaul_") for name in found), key=len, reverse=True))
    return re.compile(rf"\b(?:TRY|(?:longhaul|safely)_(?:{names}))\(")


def _calls(text: str) -> int:
    return len(_special().findall(text))


def _aggregates(node: exp.Expression) -> bool:
    return any(
        isinstance(each, exp.Window) or (isinstance(each, exp.Anonymous) and name_of(each) in AGGREGATES) for each in _outside_queries(node)
    )


def _outside_queries(node: exp.Expression) -> Iterator[exp.Expression]:
    for each in node.walk(prune=lambda each: isinstance(each, exp.Query)):
        if isinstance(each, exp.Expression):
            yield each


def _wrap(node_type: type[exp.Expression]) -> None:
    plain, parts = EXPRESSIONS[node_type]

    def rule(writer: Writer, node: exp.Expression) -> Sql:
        written = plain(writer, node)
        if isinstance(node, exp.Anonymous) and (name_of(node) in AGGREGATES or name_of(node) in WINDOW_FUNCTIONS):
            return written
        if not _calls(written.text):
            return written
        computed = [(key, place, each) for key, place, each in _children(node) if _aggregates(each)]
        warned = len(writer.warnings)
        values = [writer.value(each) for _, _, each in computed]
        del writer.warnings[warned:]
        if not computed or _calls(written.text) <= sum(_calls(value.text) for value in values):
            return written
        copy = node.copy()
        for number, ((key, place, _), value) in enumerate(zip(computed, values, strict=True)):
            copy.set(key, Written(sql=Sql(f"longhaul_of.a{number}", value.kind)), index=place)
        fields = ", ".join(f"a{number}: {value.text}" for number, value in enumerate(values))
        inner = plain(writer, copy)
        return Sql(f"list_transform([{{{fields}}}], lambda longhaul_of: {inner.text})[1]", inner.kind)

    checked: Rule = rule
    EXPRESSIONS[node_type] = (checked, parts)


def _children(node: exp.Expression) -> Iterator[tuple[str, int | None, exp.Expression]]:
    for key, value in node.args.items():
        if isinstance(value, list):
            yield from ((key, place, each) for place, each in enumerate(value) if isinstance(each, exp.Expression))
        elif isinstance(value, exp.Expression) and not isinstance(value, exp.DataType):
            yield key, None, value


for _type in _WRAPPED:
    _wrap(_type)
