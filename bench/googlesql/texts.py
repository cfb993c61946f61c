"""Whether a value is the one that a page of documentation shows, or that has no type of its own."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import math
import re
from typing import Any

EPOCH = datetime.date(1970, 1, 1)


def squeeze(s: str) -> str:
    return re.sub(r"[\s\"'`]", "", s).lower()


def renderings(a: Any) -> set[str]:
    if a is None:
        return {"null"}
    k = a[0]
    if k == "a":
        out = [""]
        for x in a[2]:
            out = [o + ("," if o else "") + r for o in out[:4] for r in list(renderings(x))[:4]]
        return {"[" + o + "]" for o in out}
    if k == "S":
        out, named = [""], [""]
        for n, x in a[1]:
            rs = list(renderings(x))[:4]
            out = [o + ("," if o else "") + r for o in out[:4] for r in rs]
            named = [o + ("," if o else "") + n.lower() + ":" + r for o in named[:4] for r in rs]
        return (
            {x for o in out for x in ("{" + o + "}", "(" + o + ")")}
            | {x for o in named for x in ("{" + o + "}", "(" + o + ")")}
            | {"{" + o.replace(":", "") + "}" for o in named}
        )
    if k == "f":
        f = float(a[1])
        s = {squeeze(a[1])}
        if f == int(f) if math.isfinite(f) else False:
            s |= {str(int(f)), str(int(f)) + ".0"}
        return s
    if k == "B":
        return {str(a[1]).lower()}
    if k == "b":
        b = bytes.fromhex(a[1])
        s = {base64.b64encode(b).decode().lower(), squeeze(repr(b)[1:]), squeeze(repr(b)), "b" + squeeze(repr(b)[1:]), a[1]}
        with contextlib.suppress(UnicodeDecodeError):
            s.add(squeeze(b.decode()))
        return s
    if k == "d":
        return {(EPOCH + datetime.timedelta(days=int(a[1]))).isoformat()}
    if k in ("ts", "dt"):
        d = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=int(a[1]))
        base = d.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0")
        frac = f".{d.microsecond:06}".rstrip("0").rstrip(".") if d.microsecond else ""
        out = set()
        for sep in (" ", "t"):
            for f in {frac, f".{d.microsecond:06}", f".{d.microsecond // 1000:03}" if d.microsecond % 1000 == 0 else frac}:
                for z in ("", "z", "utc", "+00", "+00:00"):
                    out.add(squeeze(base.replace(" ", sep) + f + z))
        return out
    if k == "t":
        return {a[1], a[1].rstrip("0").rstrip(".") if "." in a[1] else a[1]}
    return {squeeze(str(a[1]))}


def escaped(text: str) -> bytes | None:
    """Bytes that a page shows as a literal, or as a text with octal or hexadecimal escapes."""
    literal = re.fullmatch(r"""b?(['"]?)((?:\\(?:[0-7]{3}|x[0-9a-fA-F]{2})|[ -~])*?)\1""", text)
    return literal.group(2).encode("latin-1").decode("unicode_escape").encode("latin-1") if literal else None


def eq_text(e: str, a: Any, notes: set[str]) -> bool:
    t = e.strip()
    if a is not None and a[0] == "s":
        s = a[1]
        for form in (t, t.strip('"'), t.strip("'"), t.replace('\\"', '"')):
            if form == s.strip():
                return True
        if squeeze(t) == squeeze(s):
            if re.sub(r"\s", "", t) != re.sub(r"\s", "", s):
                notes.add("compared loosely")
            return True
        try:
            return json.loads(t) == json.loads(s)
        except ValueError:
            return squeeze(t.replace("\\n", "").replace("\\t", "")) == squeeze(s)
    if squeeze(t) in renderings(a):
        return True
    if a is None:
        return t.upper() in ("NULL", "")
    if a[0] in ("f", "i"):
        try:
            x, y = float(t), float(a[1])
        except ValueError:
            return False
        if math.isnan(x) and math.isnan(y):
            return True
        if x == y:
            return True
        if math.isfinite(x) and abs(x - y) <= 1e-12 * max(abs(x), abs(y)):
            notes.add("last bits")
            return True
        digits = len(t.split(".")[1]) if "." in t and "e" not in t.lower() else 0
        return digits > 0 and abs(x - y) <= 1.01 * 10**-digits
    if a[0] == "b":
        return squeeze(t) in renderings(a) or escaped(t) == bytes.fromhex(a[1])
    if a[0] == "a" and not a[2]:
        return t.upper() in ("NULL", "[]")
    # numbers inside
    nums = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    x = re.findall(nums, squeeze(t))
    for r in sorted(renderings(a)):
        y = re.findall(nums, r)
        if x and len(x) == len(y) and re.sub(nums, "#", squeeze(t)) == re.sub(nums, "#", r):
            return all(abs(float(p) - float(q)) <= 1e-6 * max(1, abs(float(p))) for p, q in zip(x, y, strict=True))
    return False


def eq_loose(e: Any, a: Any, notes: set[str]) -> bool:
    if e is None:
        return a is None or (a[0] == "a" and not a[2])
    if isinstance(e, bool):
        return a is not None and (a == ["B", e])
    if e[0] == "l":
        if a is None:
            return not e[1]
        if a[0] == "a":
            return len(e[1]) == len(a[2]) and all(eq_loose(x, y, notes) for x, y in zip(e[1], a[2], strict=True))
        if a[0] == "S":
            return len(e[1]) == len(a[1]) and all(eq_loose(x, y[1], notes) for x, y in zip(e[1], a[1], strict=True))
        return False
    if a is None:
        return False
    if e[0] == "i":
        if a[0] == "f" and float(e[1]) == float(a[1]):
            notes.add("float for int")
            return True
        return a[0] == "i" and int(e[1], 0) == int(a[1])
    if e[0] == "f":
        if a[0] not in ("f", "i"):
            return False
        x, y = float(e[1]), float(a[1])
        if a[0] == "i" and x == y:
            notes.add("int for float")
        return x == y or (math.isnan(x) and math.isnan(y)) or abs(x - y) <= 1e-5 * max(abs(x), abs(y))
    return eq_text(e[1], a, notes) or (a[0] == "s" and a[1] == e[1])
