"""The allow-list of functions, by the names that GoogleSQL gives them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from longhaul_sql.errors import Refusal
from longhaul_sql.signatures import require_groupable, require_signature
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer

Function = Callable[[Writer, exp.Expression], Sql]
Aggregate = Callable[[Writer, exp.Expression, str], Sql]

FUNCTIONS: dict[str, Function] = {}
AGGREGATES: dict[str, Aggregate] = {}
"""The text after the function is '' or its OVER clause."""
WINDOW_FUNCTIONS: dict[str, Aggregate] = {}


def function(*names: str, arguments: int | tuple[int, int] | None = None) -> Callable[[Function], Function]:
    """Registers a rule for scalar functions that take so many arguments."""

    def add(rule: Function) -> Function:
        def checked(writer: Writer, call: exp.Expression) -> Sql:
            require_arguments(writer, call, arguments)
            written = rule(writer, call)
            if not isinstance(call, exp.Extract):
                require_signature(writer, call, name_of(call), call.expressions)
            return written

        for name in names:
            FUNCTIONS[name] = checked
        return rule

    return add


def aggregate(*names: str) -> Callable[[Aggregate], Aggregate]:
    return _of_rows(AGGREGATES, names)


def window_function(*names: str) -> Callable[[Aggregate], Aggregate]:
    return _of_rows(WINDOW_FUNCTIONS, names)


def _of_rows(rules: dict[str, Aggregate], names: tuple[str, ...]) -> Callable[[Aggregate], Aggregate]:
    def add(rule: Aggregate) -> Aggregate:
        def checked(writer: Writer, call: exp.Expression, over: str) -> Sql:
            written = rule(writer, call, over)
            require_signature(writer, call, name_of(call), _without_modifiers(call.expressions))
            for each in call.expressions:
                if isinstance(each, exp.Distinct):
                    for value in each.expressions:
                        require_groupable(writer, value, writer.type_of(value), "DISTINCT")
            return written

        for name in names:
            rules[name] = checked
        return rule

    return add


def _without_modifiers(nodes: list[exp.Expression]) -> list[exp.Expression]:
    found: list[exp.Expression] = []
    for item in nodes:
        node = item
        while isinstance(node, (exp.Limit, exp.Order, exp.IgnoreNulls, exp.RespectNulls, exp.HavingMax)) and node.this is not None:
            node = node.this
        found.extend(node.expressions if isinstance(node, exp.Distinct) else [node])
    return found


def require_arguments(writer: Writer, call: exp.Expression, expected: int | tuple[int, int] | None) -> None:
    if expected is None:
        return
    least, most = (expected, expected) if isinstance(expected, int) else expected
    if not least <= len(call.expressions) <= most:
        number = str(least) if least == most else f"{least} to {most}"
        raise writer.refuse(call, f"{name_of(call)} takes {number} arguments", found=str(len(call.expressions)))


def name_of(call: exp.Expression) -> str:
    return str(call.this if isinstance(call.this, str) else call.name).upper()


@dataclass
class Arguments:
    """An aggregate's arguments with what may stand beside them in the parentheses."""

    values: list[exp.Expression]
    distinct: bool = False
    ignore_nulls: bool = False
    respect_nulls: bool = False
    order: list[exp.Expression] = field(default_factory=list)
    limit: exp.Expression | None = None
    having: exp.HavingMax | None = None


def arguments_of(writer: Writer, call: exp.Expression, *known: str) -> Arguments:
    """Takes the modifiers apart; one that the function does not know is refused."""
    found = Arguments([])
    place: dict[str, exp.Expression] = {}
    for item in call.expressions:
        node = item
        while True:
            if isinstance(node, exp.Limit):
                found.limit, place["limit"], node = node.expression, node, node.this
            elif isinstance(node, exp.Order):
                found.order, place["order"], node = node.expressions, node, node.this
            elif isinstance(node, exp.IgnoreNulls):
                found.ignore_nulls, place["ignore_nulls"], node = True, node, node.this
            elif isinstance(node, exp.RespectNulls):
                found.respect_nulls, place["respect_nulls"], node = True, node, node.this
            elif isinstance(node, exp.HavingMax):
                found.having, place["having"], node = node, node, node.this
            else:
                break
        if isinstance(node, exp.Distinct):
            found.distinct, place["distinct"] = True, node
            found.values.extend(node.expressions)
        else:
            found.values.append(node)
    for name, node in place.items():
        if name not in known:
            words = name.replace("_", " ").upper() + (" BY" if name == "order" else "")
            raise writer.refuse(node, f"{words} in {name_of(call)} is not translated", found=writer.excerpt(call))
    return found


REFUSED = {
    "RAND": ("gives other rows every time", "MOD(ABS(FARM_FINGERPRINT(CAST(id AS STRING))), n) is a reproducible sample"),
    "GENERATE_UUID": ("gives other rows every time", "make ids of the row's keys, e.g. with FARM_FINGERPRINT"),
    "CURRENT_DATE": ("gives other rows every day: no result could be reused", "pass the day as a parameter: @today"),
    "CURRENT_TIMESTAMP": ("gives other rows every time: no result could be reused", "pass the time as a parameter: @now"),
    "CURRENT_DATETIME": ("gives other rows every time: no result could be reused", "pass the time as a parameter: @now"),
    "CURRENT_TIME": ("gives other rows every time: no result could be reused", "pass the time as a parameter: @now"),
    "SESSION_USER": ("gives other rows to other people", None),
}
_LAX, _MANY = ("", "LAX_"), ("", "_ARRAY")
NOT_IN_BIGQUERY = {
    **{f"{lax}{name}{many}": f"use {lax}INT64{many}" for lax in _LAX for name in ("INT32", "UINT32", "UINT64") for many in _MANY},
    **{f"{lax}{name}{many}": f"use {lax}FLOAT64{many}" for lax in _LAX for name in ("FLOAT", "DOUBLE") for many in _MANY},
    "ADD_MONTHS": "use DATE_ADD(date, INTERVAL n MONTH)",
    "MONTHS_BETWEEN": "use DATE_DIFF(later, earlier, MONTH)",
    "NEXT_DAY": "use DATE_ADD and EXTRACT(DAYOFWEEK FROM date)",
    "SPLIT_SUBSTR": "use SPLIT(value, delimiter)[SAFE_OFFSET(n)]",
    "REGEXP_MATCH": "use REGEXP_CONTAINS",
    "REGEXP_EXTRACT_GROUPS": "use REGEXP_EXTRACT for each group",
    "IFERROR": "use IFNULL(SAFE.function(…), other)",
    "ISERROR": "use SAFE.function(…) IS NULL",
    "NULLIFERROR": "use SAFE.function(…)",
    "PI": "use ACOS(-1)",
    "PI_NUMERIC": "use ACOS(-1)",
    "PI_BIGNUMERIC": "use ACOS(-1)",
    "RADIANS": "use x * ACOS(-1) / 180",
    "DEGREES": "use x * 180 / ACOS(-1)",
    "TIMESTAMP_FROM_UNIX_SECONDS": "use TIMESTAMP_SECONDS",
    "TIMESTAMP_FROM_UNIX_MILLIS": "use TIMESTAMP_MILLIS",
    "TIMESTAMP_FROM_UNIX_MICROS": "use TIMESTAMP_MICROS",
    "FLATTEN": "use ARRAY(SELECT e FROM UNNEST(array) AS a, UNNEST(a.elements) AS e)",
    "NEW_UUID": "make ids of the row's keys, e.g. with FARM_FINGERPRINT",
    "ARRAY_IS_DISTINCT": "compare ARRAY_LENGTH with COUNT(DISTINCT e)",
    "BIT_CAST_TO_INT64": "use CAST",
    "BIT_CAST_TO_UINT64": "use CAST",
}
"""Functions of GoogleSQL that other systems of Google have, and what to write on BigQuery."""


def unknown_function(writer: Writer, call: exp.Expression, name: str) -> Refusal:
    if name in REFUSED:
        reason, hint = REFUSED[name]
        return writer.refuse(call, f"{name} {reason}", found=writer.excerpt(call), hint=hint)
    if name in NOT_IN_BIGQUERY:
        return writer.refuse(call, f"BigQuery has no function {name}", found=writer.excerpt(call), hint=NOT_IN_BIGQUERY[name])
    near = difflib.get_close_matches(name, [*FUNCTIONS, *AGGREGATES, *WINDOW_FUNCTIONS], n=1, cutoff=0.75)
    return writer.refuse(
        call,
        f"the function {name} is not translated: its rows on DuckDB are not verified",
        found=name,
        hint=f"did you mean {near[0]}?" if near else "docs/sql.md lists the functions that are",
    )
