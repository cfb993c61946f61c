"""Whether a value is the one that is expected, where both have types."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Callable
from typing import Any

from stored import days_of, micros


def norm_type(t: Any) -> Any:
    if t is None:
        return None
    if t[0] == "ARRAY":
        return ["ARRAY", norm_type(t[1])]
    if t[0] == "STRUCT":
        return ["STRUCT", [[n, norm_type(x)] for n, x in t[1]]]
    return {"FLOAT64": "DOUBLE", "BIGNUMERIC": "NUMERIC"}.get(t[0], t[0])


def same_type(e: Any, a: Any, notes: set[str]) -> bool:
    if e is None:
        return True
    if isinstance(e, list) != isinstance(a, list):
        return False
    if isinstance(e, str):
        return e == a
    if e[0] != a[0]:
        return False
    if e[0] == "ARRAY":
        return same_type(e[1], a[1], notes)
    if len(e[1]) != len(a[1]):
        return False
    for (n1, t1), (n2, t2) in zip(e[1], a[1], strict=True):
        if n1 and n1.lower() != n2.lower():
            notes.add("struct field names")
        if not same_type(t1, t2, notes):
            return False
    return True


def eq_float(e: str, a: str, notes: set[str]) -> bool:
    x, y = float(e), float(a)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if x == y:
        if math.copysign(1, x) != math.copysign(1, y):
            notes.add("sign of zero")
        return True
    if math.isinf(x) or math.isinf(y):
        return False
    if abs(x - y) <= 1e-12 * max(abs(x), abs(y)) or (max(abs(x), abs(y)) < 1e-300 and abs(x - y) < 1e-305):
        notes.add("last bits")
        return True
    if max(abs(x), abs(y)) < 5e-16:
        notes.add("last bits")
        return True
    return False


def eq(e: Any, a: Any, notes: set[str]) -> bool:
    if e is None and a is not None and a[0] == "a" and not a[2]:
        return True
    if e is not None and e[0] == "a" and not e[2] and a is None:
        return True
    if e is None or a is None:
        return e is None and a is None
    k, j = e[0], a[0]
    if k == "f" and j == "f":
        return eq_float(e[1], a[1], notes)
    if k == "d" and j == "d":
        y, m, d = map(int, e[1].split("-"))
        return str(days_of(y, m, d)) == a[1]
    if k in ("dt", "ts") and j == k:
        return str(micros(e[1])) == a[1]
    if k == "t" and j == "t":
        padded = [(s + ".000000" if "." not in s else s)[:15].ljust(15, "0") for s in (e[1], a[1])]
        return padded[0] == padded[1]
    if k == "n" and j in ("n", "i", "f"):
        return decimal.Decimal(e[1]) == decimal.Decimal(a[1])
    if k == "a" and j == "a":
        if len(e[2]) != len(a[2]):
            return False
        if e[1] is False or (e[1] is None and len(e) > 9):
            return multiset(e[2], a[2], notes)
        return all(eq(x, y, notes) for x, y in zip(e[2], a[2], strict=True))
    if k == "S" and j == "S":
        return len(e[1]) == len(a[1]) and all(eq(x[1], y[1], notes) for x, y in zip(e[1], a[1], strict=True))
    if k == "j":
        try:
            return j == "s" and json.loads(a[1]) == json.loads(e[1])
        except ValueError:
            return False
    return k == j and e[1] == a[1]


def multiset(es: list[Any], as_: list[Any], notes: set[str]) -> bool:
    rest = list(as_)
    for e in es:
        for i, a in enumerate(rest):
            n: set[str] = set()
            if eq(e, a, n):
                notes |= n
                del rest[i]
                break
        else:
            return False
    return not rest


def rows_eq(es: list[Any], as_: list[Any], ordered: bool, f: Callable[[Any, Any, set[str]], bool], notes: set[str]) -> str:
    """What differs: rows, values, order or nothing."""
    if len(es) != len(as_):
        return "rows"
    if ordered and all(all(f(x, y, notes) for x, y in zip(e, a, strict=True)) for e, a in zip(es, as_, strict=True)):
        return ""
    rest = list(as_)
    for e in es:
        for i, a in enumerate(rest):
            n: set[str] = set()
            if len(e) == len(a) and all(f(x, y, n) for x, y in zip(e, a, strict=True)):
                notes |= n
                del rest[i]
                break
        else:
            return "values"
    return "order" if ordered else ""
