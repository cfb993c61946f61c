"""What is to be scored: a document that LONGHAUL_SCORE names (docs/evaluation.md), or arguments of the command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checked import Checked, parse_json
from ..errors import NoInputError
from ..store import open_store

#: Where the export lies on this machine; set for the command of a scorer.
FOLDER = "LONGHAUL_MODEL"
VERSION = 1


@dataclass(frozen=True)
class Request:
    """One export and one data set. `columns` are carried beside the scores; `output` is a prefix of parts."""

    model: str
    data: str
    columns: tuple[str, ...]
    output: str
    layout: Mapping[str, Any]
    features: tuple[Mapping[str, Any], ...]
    #: URI of the feature table.
    table: str

    def document(self) -> dict[str, Any]:
        """What LONGHAUL_SCORE names."""
        named = {"model": self.model, "data": self.data, "features": self.table, "output": self.output}
        return {"version": VERSION, **named, "columns": list(self.columns)}


def load_request(environment: Mapping[str, str] = os.environ) -> Request:
    """Reads what LONGHAUL_SCORE names."""
    uri = environment.get("LONGHAUL_SCORE")
    if uri is None:
        raise NoInputError("LONGHAUL_SCORE: expected the URI of what is to be scored; in a terminal: python -m longhaul.scoring --help")
    root = Checked(_read(uri), uri)
    if root["version"].integer() != VERSION:
        raise root["version"].wrong(f"{VERSION}, the version that this SDK knows")
    columns = tuple(item.text() for item in root["columns"].items())
    return request(root["model"].text(), root["data"].text(), root["features"].text(), root["output"].text(), columns)


def request(model: str, data: str, features: str, output: str, columns: tuple[str, ...] | None = None) -> Request:
    """Of paths or URIs; without `columns` the keys and the segments of the feature table."""
    uri = _uri(features)
    root = Checked(_read(uri, "features.json of the data set"), uri)
    layout = root["layout"].object()
    segments = root.optional("segments")
    carried = ("session", "item", "label", *(() if segments is None else (item.text() for item in segments.items())))
    return Request(
        model=_uri(model),
        data=_uri(data),
        columns=tuple(dict.fromkeys(carried if columns is None else columns)),
        output=_uri(output),
        layout=layout,
        features=tuple(item.object() for item in root["features"].items()),
        table=uri,
    )


def _read(uri: str, expected: str = "what is to be scored") -> Any:
    found = open_store(uri).read(uri)
    if found is None:
        raise NoInputError(f"{uri}: there is no such object; expected {expected}")
    return parse_json(found.data, uri)


def _uri(place: str) -> str:
    return (place if "://" in place else Path(place).absolute().as_uri()).rstrip("/")
