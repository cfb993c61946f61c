"""The files of the trial contract (`src/contract/trial.ts`), checked as a workflow would read them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .hints import NOT_FINITE

KINDS = {"start", "train", "validation", "checkpoint", "export", "beat", "end"}
REASONS = {"interval", "sigterm", "epoch", "end"}


def read_json(path: Path) -> dict[str, Any] | None:
    """None where it is missing or not JSON; `NaN`, which Python writes and nobody else reads, is not."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON; write null")


def not_json(path: Path) -> str:
    """Why it cannot be read."""
    try:
        json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        return "it is missing"
    except (OSError, ValueError) as error:
        return str(error)
    return "it is not an object"


def read_records(output: Path) -> list[dict[str, Any]]:
    """Records 1, 2, … as far as they go without a gap."""
    records: list[dict[str, Any]] = []
    while (record := read_json(output / "progress" / f"{len(records) + 1}.json")) is not None:
        records.append(record)
    return records


def check_progress(output: Path, attempts: int, objective: str) -> list[str]:
    records = read_records(output)
    files = [path for path in (output / "progress").glob("*.json") if not path.name.startswith(".")]
    if len(files) > len(records) and (output / "progress" / f"{len(records) + 1}.json").exists():
        return [f"progress/{len(records) + 1}.json: {not_json(output / 'progress' / f'{len(records) + 1}.json')}"]
    if not records:
        return ["progress/1.json is missing"]
    problems = []
    if len(files) != len(records):
        problems.append(f"{len(files)} records, but only 1 to {len(records)} without a gap")
    for number, record in enumerate(records, 1):
        problems += [f"progress/{number}.json: {problem}" for problem in _record_problems(number, record)]
    if {record.get("attempt") for record in records} != set(range(1, attempts + 1)):
        problems.append(f"attempts {sorted({str(record.get('attempt')) for record in records})}; expected 1 to {attempts}")
    if not any(record.get("kind") == "validation" for record in records):
        problems.append("no record of kind validation: there is no learning curve")
    lacking = [record for record in records if record.get("kind") == "validation" and objective not in (record.get("metrics") or {})]
    if lacking:
        problems.append(_lacks(f"progress/{lacking[0].get('n')}.json", objective, lacking[0].get("metrics")))
    points = [record.get("step") for record in records if record.get("kind") == "validation"]
    if len(set(points)) != len(points):
        problems.append(f"validation points repeat: steps {points}")
    if sum(record.get("kind") == "end" for record in records) != 1:
        problems.append("expected one record of kind end")
    return problems[:5]


def _record_problems(number: int, record: dict[str, Any]) -> list[str]:
    problems = []
    if record.get("n") != number:
        problems.append(f"n is {record.get('n')}")
    if record.get("kind") not in KINDS:
        problems.append(f"kind is {record.get('kind')!r}; expected one of {', '.join(sorted(KINDS))}")
    problems += [
        f"{name} is {record.get(name)!r}; expected a whole number"
        for name in ("attempt", "epoch", "part", "step", "samples")
        if not _whole(record.get(name))
    ]
    if not isinstance(record.get("time"), (int, float)):
        problems.append("time is missing; expected seconds since 1970")
    return problems + _metric_problems(record.get("metrics", {}))


def _metric_problems(metrics: Any) -> list[str]:
    if not isinstance(metrics, dict):
        return ["metrics is not an object"]
    return [
        f"metric {name} is {value!r}; expected a number or null"
        for name, value in metrics.items()
        if value is not None and not isinstance(value, (int, float))
    ]


def check_silence(output: Path, seconds: float) -> list[str]:
    """Between two records of one attempt no more time may pass."""
    records = read_records(output)
    gaps = [
        (float(later["time"]) - float(earlier["time"]), earlier)
        for earlier, later in zip(records, records[1:])
        if earlier.get("attempt") == later.get("attempt") and all(isinstance(each.get("time"), (int, float)) for each in (earlier, later))
    ]
    longest = max(gaps, key=lambda gap: gap[0], default=(0.0, {}))
    if longest[0] <= seconds:
        return []
    return [f"{longest[0]:.1f} s without a record after progress/{longest[1].get('n')}.json ({longest[1].get('kind')})"]


def not_finite(output: Path, objective: str) -> str:
    """Where validations gave NaN or infinity for the objective, and what to do; empty where none did."""
    validations = [(number, record) for number, record in enumerate(read_records(output), 1) if record.get("kind") == "validation"]
    without = [each for each in validations if isinstance(each[1].get("metrics"), dict) and each[1]["metrics"].get(objective, 0) is None]
    if not without:
        return ""
    number, first = without[0]
    where = f"first at training step {first.get('step')} (progress/{number}.json)"
    return f"{objective} is NaN or infinite (written as null) in {len(without)} of {len(validations)} validations, {where}; {NOT_FINITE}"


def _lacks(file: str, objective: str, metrics: Any) -> str:
    found = ", ".join(metrics) if isinstance(metrics, dict) and metrics else "none"
    return f"{file}: the metrics lack the objective {objective} (found {found}); report it, or give --objective METRIC"


def check_result(output: Path, objective: str) -> list[str]:
    result = read_json(output / "result.json")
    if result is None:
        return [not_json(output / "result.json")]
    problems = [
        f"{name} is {result.get(name)!r}; expected a whole number"
        for name in ("bestStep", "steps", "samples", "epochs")
        if not _whole(result.get(name))
    ]
    problems += _metric_problems(result.get("metrics"))
    value = result.get("objective")
    if objective not in (result.get("metrics") or {}):
        problems.append(_lacks("result.json", objective, result.get("metrics")))
    elif value is not None and result["metrics"][objective] != value:
        problems.append(f"objective is {value!r}, but metrics.{objective} is {result['metrics'][objective]!r}")
    if value is None:
        found = f"objective is {'null' if 'objective' in result else 'missing'}; expected the value of {objective} at the best validation"
        problems.append("; ".join([found, *filter(None, [not_finite(output, objective)])]))
    elif not isinstance(value, (int, float)):
        problems.append(f"objective is {value!r}; expected a number")
    if not isinstance(result.get("weightsSha256"), str) or not result["weightsSha256"]:
        problems.append("weightsSha256 is missing; it is what tells equal models")
    export = result.get("bestExport")
    if not isinstance(export, str) or not (output / "exports" / export / "READY").exists():
        problems.append(f"bestExport is {export!r}; expected the name of a directory under exports/ with READY")
    return problems


def check_exports(output: Path) -> list[str]:
    ready = sorted((output / "exports").glob("*/READY"))
    if not ready:
        return ["no exports/*/READY"]
    problems = []
    for path in ready:
        export = read_json(path)
        if export is None:
            problems.append(f"{path.parent.name}/READY: {not_json(path)}")
            continue
        if export.get("export") != path.parent.name:
            problems.append(f"{path.parent.name}/READY: export is {export.get('export')!r}")
        problems += [
            f"{path.parent.name}/READY: {name} is {export.get(name)!r}; expected a whole number"
            for name in ("step", "samples", "bytes")
            if not _whole(export.get(name))
        ]
        problems += [f"{path.parent.name}/READY: {problem}" for problem in _metric_problems(export.get("metrics"))]
        if not isinstance(export.get("best"), bool):
            problems.append(f"{path.parent.name}/READY: best is {export.get('best')!r}; expected true or false")
        model = export.get("savedModel")
        if not isinstance(model, str) or not (path.parent / model).exists():
            problems.append(f"{path.parent.name}/READY: savedModel is {model!r}; expected a path inside the model export")
    return problems[:5]


def check_latest(output: Path) -> list[str]:
    latest = read_json(output / "checkpoints" / "LATEST")
    if latest is None:
        return [f"checkpoints/LATEST: {not_json(output / 'checkpoints' / 'LATEST')}"]
    problems = [
        f"{name} is {latest.get(name)!r}; expected a whole number"
        for name in ("attempt", "step", "samples")
        if not _whole(latest.get(name))
    ]
    if latest.get("reason") not in REASONS:
        problems.append(f"reason is {latest.get('reason')!r}; expected one of {', '.join(sorted(REASONS))}")
    files = latest.get("files")
    if not isinstance(files, dict):
        return [*problems, "files is missing; expected the bytes and SHA-256 of each file of the checkpoint"]
    for name, expected in files.items():
        path = output / "checkpoints" / str(latest.get("checkpoint")) / name
        data = path.read_bytes() if path.is_file() else None
        if data is None:
            problems.append(f"{name} is listed and not there")
        elif (
            not isinstance(expected, dict)
            or expected.get("bytes") != len(data)
            or expected.get("sha256") != hashlib.sha256(data).hexdigest()
        ):
            problems.append(f"{name} does not have the listed bytes and SHA-256")
    return problems


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
