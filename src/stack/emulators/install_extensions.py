"""Puts the DuckDB extensions of the installed `duckdb-extension-*` packages where DuckDB looks for them (below $HOME): nothing is downloaded."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import duckdb

packages = Path(sysconfig.get_paths()["purelib"])
for file in sorted(
    packages.glob(
        f"duckdb_extension_*/extensions/v{duckdb.__version__}/*.duckdb_extension"
    )
):
    duckdb.execute(f"INSTALL '{file}'")
    duckdb.execute(f"LOAD {file.name.removesuffix('.duckdb_extension')}")
