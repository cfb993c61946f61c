"""What is said of a model besides its metrics: for programs, and for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longhaul.data.manifest import Manifest

from .trial import Trial


def card(trial: Trial, manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """What a model card says besides the metrics."""
    from . import __version__

    return {
        "trial": trial.id,
        "pipeline": trial.pipeline,
        "run": trial.run,
        "seed": trial.seed,
        "commit": trial.commit,
        "trainer": __version__,
        "model": trial.model or "reference ranking model",
        "parameters": dict(trial.parameters),
        "params": trial.document.get("params", {}),
        "features": trial.document["features"],
        "layout": trial.document["layout"],
        "data": {
            name: {
                "uri": manifest.uri,
                "rows": manifest.rows,
                "sha256": manifest.digest,
                "table": manifest.table,
                "tableVersion": manifest.table_version,
            }
            for name, manifest in manifests.items()
        },
        "sampleCandidates": trial.sample_candidates,
        "objective": trial.document["objective"],
    }


def card_text(card: Mapping[str, Any]) -> str:
    """The model card for a person."""
    metrics = "\n".join(f"| {name} | {value if value is None else round(value, 5)} |" for name, value in card["metrics"].items())
    features = "\n".join(
        f"| {feature['name']} | {feature['type']} | {feature['default']} | {feature.get('description', '')} |"
        for feature in card["features"]
    )
    data = "\n".join(f"| {name} | {entry['uri']} | {entry['rows']} | {entry['sha256'][:12]} |" for name, entry in card["data"].items())
    parameters = "\n".join(f"| {name} | {value} |" for name, value in card["parameters"].items())
    chosen = ", ".join(f"{name} {value}" for name, value in card["params"].items())
    made_with = f"\nThe search chose these data: {chosen}.\n" if chosen else ""
    return f"""# Model {card["trial"]}, export {card["export"]}

A ranking model: one score per candidate of a session, higher is better. Step {card["step"]}, {card["samples"]} sessions trained on,
seed {card["seed"]}, commit {card["commit"] or "unknown"}, trainer {card["trainer"]}.

| metric | value |
| --- | --- |
{metrics}

| data set | place | rows | identity |
| --- | --- | --- | --- |
{data}
{made_with}
| hyper-parameter | value |
| --- | --- |
{parameters}

| feature | type | default | description |
| --- | --- | --- | --- |
{features}
"""
