"""Trials of several ranks, all of them on this machine."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scenes import Scene


def free_port() -> int:
    """One whose successor is free too: frameworks use that."""
    while True:
        port = random.randint(20000, 32000)
        try:
            for each in (port, port + 1):
                socket.create_server(("127.0.0.1", each)).close()
        except OSError:
            continue
        return port


class Gang(Scene):
    def attempt(
        self, name: str, attempt: int, nodes: int = 2, *, on: Mapping[int, Mapping[str, str]] | None = None,
        everywhere: Mapping[str, str] | None = None, **changes: Any,
    ) -> list[int]:  # fmt: skip
        """Exit codes by rank; `on` are variables of single ranks."""
        shared = self.variables(name, attempt, **changes) | {
            "LONGHAUL_NODES": str(nodes),
            "LONGHAUL_COORDINATOR": f"127.0.0.1:{free_port()}",
            **(everywhere or {}),
        }

        def run(rank: int) -> int:
            return self.forker.run(
                self.script, self.root / f"{name}.log", {**shared, "LONGHAUL_NODE_RANK": str(rank), **(on or {}).get(rank, {})}
            )

        with ThreadPoolExecutor(nodes) as pool:
            return list(pool.map(run, range(nodes)))

    def finish_together(self, name: str, attempt: int = 1, nodes: int = 2, **more: Any) -> dict[str, Any]:
        codes = self.attempt(name, attempt, nodes, **more)
        assert codes == [0] * nodes, self.log(name)
        return self.outcome(name)

    def tear_newest_shard(self, name: str, rank: int) -> bool:
        """Cuts a file of one rank in half, if there is another checkpoint to go back to."""
        try:
            latest = self.latest(name)
        except FileNotFoundError:
            return False
        folder = self.output(name) / "checkpoints" / latest["checkpoint"] / f"rank-{rank}"
        if not latest["previous"] or not folder.exists():
            return False
        path = max(folder.iterdir(), key=lambda file: file.stat().st_size)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return True
