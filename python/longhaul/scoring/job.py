"""The Job that scores: a parquet file for each part of the data, written at once, `READY` last. A later attempt goes on after them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..data.fetch import fetch
from ..data.manifest import Part, find_parts
from ..data.readahead import read_ahead
from ..errors import TrialError, UsageError
from ..store import Store, join, open_store
from ..termination import termination
from .by_name import Predict
from .by_name import load as load_by_name
from .export import downloaded, scorer_of
from .request import FOLDER, Request, load_request
from .rows import Rows, read_columns, source_column

#: Candidates scored by one call of the model.
ROWS_AT_ONCE = 65_536
PARTS_AHEAD = 2


def score(load: Callable[[Path], Predict]) -> None:
    """For a scorer of one's own (`READY.scorer` of kind `command`): `load(folder)` gives a function from `Rows` to scores.

    A score a row, or a matrix with a column a class (`score_0`, `score_1`, …). Ends the process with an exit code of the
    trial contract when something is wrong.

    Example:
        >>> import longhaul
        >>> def load(folder):
        ...     weights = numpy.load(folder / "weights.npy")
        ...     return lambda rows: rows.x @ weights
        >>> longhaul.score(load)  # doctest: +SKIP
    """
    termination().answer = _told
    try:
        request = load_request()
        folder = os.environ.get(FOLDER)
        if folder is None:
            raise UsageError(f"{FOLDER}: expected the folder of the export; this command is started by python -m longhaul.scoring")
        write_scores(request, load(Path(folder)), scorer_of(request.model, Path(folder)))
    except TrialError as error:
        print(f"longhaul: {error}", file=sys.stderr, flush=True)
        raise SystemExit(error.exit_code) from error


def run(request: Request) -> None:
    """By whatever scorer the export brings."""
    output = open_store(request.output)
    if output.read(join(request.output, "READY")) is not None:
        return
    with downloaded(request.model) as folder:
        scorer = scorer_of(request.model, folder)
        _in_its_python(scorer)
        if scorer["kind"] == "command":
            _run_command(scorer, folder, request)
            if output.read(join(request.output, "READY")) is None:
                raise UsageError(f"scorer.command: {' '.join(scorer['command'])} ended without {join(request.output, 'READY')}")
            return
        write_scores(request, load_by_name(scorer, folder, request.features, processors()), scorer)


def write_scores(request: Request, predict: Predict, scorer: Mapping[str, Any]) -> None:
    """`{output}/part-00000.parquet` and so on: the carried columns and `score` (or `score_0`, …), float64."""
    began = time.monotonic()
    store, output = open_store(request.data), open_store(request.output)
    parts = find_parts(store, request.data).parts
    output.sweep(request.output)
    there = set(output.list(f"{request.output}/"))
    names = {part.uri: join(request.output, f"part-{index:05d}.parquet") for index, part in enumerate(parts)}
    todo = [part for part in parts if names[part.uri] not in there]
    if len(todo) < len(parts):
        print(f"longhaul: {len(parts) - len(todo)} of {len(parts)} parts are scored already", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="longhaul-score-") as directory:
        local = Path(directory) / "scores.parquet"
        for number, (part, batches) in enumerate(scored(store, todo, request, predict, scorer), 1):
            rows = _write(local, batches)
            output.upload(local, names[part.uri])
            print(f"longhaul: {rows} rows of {part.name} scored, {number} of {len(todo)}", file=sys.stderr, flush=True)
    about = {"parts": len(parts), "model": request.model, "data": request.data, "time": time.time()}
    output.write(join(request.output, "READY"), [json.dumps(about).encode()])
    print(f"longhaul: scored in {time.monotonic() - began:.1f} s → {request.output}", file=sys.stderr, flush=True)


def scored(
    store: Store, parts: list[Part], request: Request, predict: Predict, scorer: Mapping[str, Any]
) -> Iterator[tuple[Part, Iterator[pa.RecordBatch]]]:
    def read(part: Part, data: Any) -> dict[str, pa.Array]:
        return read_columns(data, part.name, request.layout)

    for part, future in read_ahead(parts, lambda part: fetch(store, part), read, PARTS_AHEAD):
        yield part, batches_of(Rows(part.name, future.result(), features=request.features, inputs=scorer), request, predict)


def batches_of(rows: Rows, request: Request, predict: Predict) -> Iterator[pa.RecordBatch]:
    """One at least, which may be empty: a table has columns also without rows."""
    for start in range(0, max(len(rows), 1), ROWS_AT_ONCE):
        some = rows.slice(start, min(ROWS_AT_ONCE, len(rows) - start))
        found = _score_columns(predict(some) if len(some) > 0 else np.empty(0), len(some))
        carried = [_plain(some.arrow(source_column(name, request.layout))) for name in request.columns]
        arrays = [*carried, *(pa.array(column, pa.float64()) for column in found.values())]
        yield pa.RecordBatch.from_arrays(arrays, names=[*request.columns, *found])


def _score_columns(found: Any, rows: int) -> dict[str, np.ndarray]:
    scores = np.asarray(found, np.float64)
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.shape[:1] != (rows,) or scores.ndim > 2:
        raise UsageError(f"the scorer: expected a score for each of {rows} rows, found an array of shape {scores.shape}")
    return {"score": scores} if scores.ndim == 1 else {f"score_{index}": scores[:, index] for index in range(scores.shape[1])}


def _plain(array: pa.Array) -> pa.Array:
    """Decimals as the warehouses compare them alike; dictionaries as their values."""
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    return pc.cast(array, pa.float64()) if pa.types.is_decimal(array.type) else array


def _write(local: Path, batches: Iterator[pa.RecordBatch]) -> int:
    writer: pq.ParquetWriter | None = None
    rows = 0
    for batch in batches:
        if writer is None:
            writer = pq.ParquetWriter(local, batch.schema, compression="zstd", compression_level=1)
        writer.write_batch(batch)
        rows += batch.num_rows
    if writer is not None:
        writer.close()
    return rows


def _in_its_python(scorer: Mapping[str, Any]) -> None:
    """The interpreter that trained the model has its framework; this one is left where it is another and is on this machine."""
    wanted = scorer.get("python")
    if not isinstance(wanted, str) or os.path.abspath(wanted) == os.path.abspath(sys.executable) or not os.access(wanted, os.X_OK):
        return
    if os.environ.get("LONGHAUL_SCORE_PYTHON") == wanted:
        return
    os.execve(wanted, [wanted, "-m", "longhaul.scoring", *sys.argv[1:]], {**os.environ, "LONGHAUL_SCORE_PYTHON": wanted})


def _run_command(scorer: Mapping[str, Any], folder: Path, request: Request) -> None:
    """In the export's folder; files that do not lie there are those of the shipped code, in which this process runs."""
    import subprocess

    command = scorer.get("command")
    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        raise UsageError(f"scorer.command: expected a list of texts, found {command!r:.200}")
    document = folder / ".longhaul-score.json"
    document.write_text(json.dumps(request.document()), encoding="utf-8")
    variables = {**os.environ, FOLDER: str(folder), "LONGHAUL_SCORE": document.as_uri()}
    program = sys.executable if command[0] in ("python", "python3") else command[0]
    try:
        child = subprocess.Popen([program, *(_shipped(part, folder) for part in command[1:])], cwd=folder, env=variables)
    except OSError as error:
        raise UsageError(f"scorer.command: cannot run {program}: {error}") from error
    termination().answer = child.terminate
    code = child.wait()
    if code != 0:
        raise SystemExit(code if code > 0 else 128 - code)


def _shipped(part: str, folder: Path) -> str:
    here = Path.cwd() / part
    return str(here) if not (folder / part).exists() and here.is_file() else part


def processors() -> int:
    return max(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 1)


def _told() -> None:
    print("longhaul: SIGTERM: the parts that are scored stay", file=sys.stderr, flush=True)
