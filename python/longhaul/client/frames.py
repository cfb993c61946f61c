"""What the command line answers, as pandas frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import MissingPackageError

if TYPE_CHECKING:
    from pandas import DataFrame

#: Columns of JSON texts, and what stands before the names that are in them, as in MLflow's `search_runs`.
NESTED = {"parameters": "params.", "metrics": "metrics."}
TIMES = ("time", "started_at", "ended_at", "startedAt", "endedAt")


def frame(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...] = ()) -> DataFrame:
    """A column a field; `parameters` and `metrics` become a column each name, times are in UTC.

    Args:
        columns: of a frame without rows
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingPackageError("frames need pandas: pip install 'longhaul-sdk[client]'") from error
    flat = [_flat(row) for row in rows]
    table = pandas.DataFrame(flat) if flat else pandas.DataFrame(columns=list(columns))
    for name in TIMES:
        if name in table:
            numbers = pandas.api.types.is_numeric_dtype(table[name])
            table[name] = pandas.to_datetime(table[name], unit="ms" if numbers else None, utc=True)
    return table


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if name in NESTED:
            inner = json.loads(value) if isinstance(value, str) else value or {}
            fields.update({f"{NESTED[name]}{key}": each for key, each in inner.items()})
        else:
            fields[name] = value
    return fields
