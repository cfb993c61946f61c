"""The feature table and the layout of sessions, as `src/contract/features.ts` defines them."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from dataclasses import dataclass

from longhaul.checked import Checked
from longhaul.errors import ConfigError

#: Buckets of a categorical feature that names none.
DEFAULT_BUCKETS = 1000


@dataclass(frozen=True)
class Feature:
    """What the trainer reads, how it enters the model, what stands in for a missing value."""

    name: str
    numeric: bool
    default: float | str
    buckets: int = 0
    mean: float | None = None
    stddev: float | None = None


@dataclass(frozen=True)
class Layout:
    """`candidates` names the list column of the nested layout; None is the flat one."""

    session: str
    item: str
    label: str
    candidates: str | None = None


def text_of(value: object) -> str:
    """A categorical value as the text that is hashed: as BigQuery's `CAST(x AS STRING)` writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse_feature(value: Checked) -> Feature:
    name = value["name"].text()
    kind = value["type"].one_of("numeric", "categorical")
    default = value.optional("default")
    if kind == "numeric":
        mean = value.optional("mean")
        stddev = value.optional("stddev")
        return Feature(
            name=name,
            numeric=True,
            default=0.0 if default is None else default.number(),
            mean=None if mean is None else mean.number(),
            stddev=None if stddev is None else stddev.number(),
        )
    buckets = value.optional("buckets")
    return Feature(
        name=name,
        numeric=False,
        default="" if default is None else text_of(default.value),
        buckets=DEFAULT_BUCKETS if buckets is None else buckets.integer(minimum=2),
    )


def parse_layout(value: Checked) -> Layout:
    kind = value["kind"].one_of("nested", "flat")
    return Layout(
        session=value["session"].text(),
        item=value["item"].text(),
        label=value["label"].text(),
        candidates=value["candidates"].text() if kind == "nested" else None,
    )


def parse_features(value: Checked) -> tuple[Feature, ...]:
    features = tuple(parse_feature(item) for item in value.items())
    names = [feature.name for feature in features]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not features:
        raise value.wrong("at least one feature", "none")
    if repeated:
        raise value.wrong("each feature once", f"{', '.join(repeated)} repeated")
    return features


def check_names(features: Sequence[Feature]) -> None:
    """Each feature becomes an argument of the exported model, of the same name; `src/rules/feature-names.ts` says the same to who compiles.

    Raises:
        ConfigError: TensorFlow would refuse the export, hours later.
    """
    seen: dict[str, str] = {}
    for feature in features:
        name = feature.name
        if not name.isascii() or not name.isidentifier() or name.startswith("_") or keyword.iskeyword(name) or name == "self":
            raise ConfigError(
                f"features.{name}: TensorFlow can name no input of a model so; expected a letter, then letters, digits and _, "
                "and no word of Python's own; rename the column in the SQL and in the feature table"
            )
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            raise ConfigError(f"features.{name}: TensorFlow cannot tell it from {twin}; expected names that differ in more than case")
