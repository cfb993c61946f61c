"""Reading JSON that others wrote: every mistake is one message with file, path, expected and found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .errors import ConfigError


class Checked:
    """A JSON value that knows where it stands in which file.

    Example:
        >>> Checked({"seed": 7}, "trial.json")["seed"].integer()
        7
    """

    def __init__(self, value: Any, source: str, path: str = "") -> None:
        self.value = value
        self.source = source
        self.path = path

    def wrong(self, expected: str, found: str | None = None) -> ConfigError:
        shown = json.dumps(self.value, default=str) if found is None else found
        where = f" {self.path}" if self.path else ""
        return ConfigError(f"{self.source}{where}: expected {expected}, found {shown[:200]}")

    def _child(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def __getitem__(self, name: str) -> Checked:
        if name not in self.object():
            raise Checked(None, self.source, self._child(name)).wrong("a value", "nothing")
        return Checked(self.value[name], self.source, self._child(name))

    def optional(self, name: str) -> Checked | None:
        """None where the field is absent or null."""
        if self.object().get(name) is None:
            return None
        return self[name]

    def items(self) -> Iterator[Checked]:
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        for index, item in enumerate(self.value):
            yield Checked(item, self.source, f"{self.path}[{index}]")

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("a text")
        return self.value

    def one_of(self, *allowed: str) -> str:
        if self.value not in allowed:
            raise self.wrong(" or ".join(allowed))
        return str(self.value)

    def integer(self, minimum: int = 0) -> int:
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise self.wrong(f"a whole number of at least {minimum}")
        return value

    def number(self) -> float:
        if isinstance(self.value, bool):
            return float(self.value)
        if not isinstance(self.value, (int, float)):
            raise self.wrong("a number")
        return float(self.value)

    def positive(self) -> float:
        value = self.number()
        if value <= 0:
            raise self.wrong("a number above 0")
        return value


def parse_json(data: bytes, source: str) -> Any:
    """JSON, or one message that names the file."""
    try:
        return json.loads(data)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: not JSON: {error}") from None
