"""What is in W&B's offline files below a folder, as JSON: LevelDB's log format behind a header, records are protocol buffers of wandb."""

import json
import struct
import sys
from pathlib import Path

from wandb.proto import wandb_internal_pb2

BLOCK = 32768
FILE_HEADER = 7
FULL, LAST = 1, 4
NAMES = ("run_id", "display_name", "project", "entity", "run_group", "job_type", "host")


def records(path):
    data = path.read_bytes()
    assert data[:4] == b":W&B", path
    at, parts = FILE_HEADER, []
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0:
            at += BLOCK - at % BLOCK
            continue
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (FULL, LAST):
            yield wandb_internal_pb2.Record.FromString(b"".join(parts))
            parts = []


def items(found):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in found}


def read(path):
    run = {"config": {}, "history": [], "summary": {}, "exit": None}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run |= {name: getattr(record.run, name) for name in NAMES}
            run["config"] |= items(record.run.config.update)
        elif kind == "config":
            run["config"] |= items(record.config.update)
        elif kind == "history":
            run["history"].append(items(record.history.item))
        elif kind == "summary":
            run["summary"] |= items(record.summary.update)
        elif kind == "exit":
            run["exit"] = record.exit.exit_code
    return run


files = sorted(Path(sys.argv[1]).glob("**/*.wandb"))
print(json.dumps([{**read(file), "folder": file.parent.name} for file in files]))
