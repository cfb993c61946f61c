"""Distances of vectors: arrays of FLOAT64, or of pairs of a dimension and a number."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.coercion import by_place
from longhaul_sql.registry import function, name_of
from longhaul_sql.types import Kind, Sql, array_of, element_of, fields_of, string
from longhaul_sql.writer import Writer


@function("COSINE_DISTANCE", "EUCLIDEAN_DISTANCE", arguments=2)
def distance(writer: Writer, call: exp.Expression) -> Sql:
    values = [writer.value(each) for each in call.expressions]
    duckdb = f"longhaul_{name_of(call).lower()}"
    sparse = [text for value in values if (text := _pairs(value)) is not None]
    if len(sparse) == len(values):
        dimensions = f"longhaul_dimensions(p.a, p.b, {string(name_of(call))})"
        vectors = ", ".join(f"{name}: longhaul_in_dimensions(p.{name}, {dimensions})" for name in "ab")
        return _of_both(f"list_transform([{{a: {sparse[0]}, b: {sparse[1]}}}], lambda p: {{{vectors}}})", duckdb)
    if any(element_of(value.kind) not in ("", "FLOAT64", "INT64") for value in values):
        raise writer.refuse(
            call, f"{name_of(call)} takes arrays of FLOAT64, or of (dimension, FLOAT64)", found=writer.excerpt(call), hint="CAST the arrays"
        )
    lists = ", ".join(f"{name}: CAST({value.text} AS DOUBLE[])" for name, value in zip("ab", values, strict=True))
    return _of_both(f"[{{{lists}}}]", duckdb)


def _of_both(vectors: str, duckdb: str) -> Sql:
    return Sql(f"list_transform({vectors}, lambda q: {duckdb}(q.a, q.b))[1]", "FLOAT64")


def _pairs(value: Sql) -> str | None:
    element = element_of(value.kind)
    fields = fields_of(element)
    if element != "STRUCT" or fields is None or len(fields) != 2:
        return None
    wanted = Kind("STRUCT", fields=[("d", fields[0][1]), ("v", fields[1][1])])
    return by_place(value.text, value.kind, array_of(wanted))
