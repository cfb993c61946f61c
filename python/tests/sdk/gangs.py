"""Trials of several ranks, all of them on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scenes import Scene

from longhaul.check.launch import free_port


class Gang(Scene):
    def attempt(
        self, name: str, attempt: int, nodes: int = 2, *, on: Mapping[int, Mapping[str, str]] | None = None,
        everywhere: Mapping[str, str] | None = None, **changes: Any,
    ) -> list[int]:  # fmt: skip
        """Exit codes by rank; `on` are variables of single ranks."""
        shared = self.variables(name, attempt, **changes) | {
            "LONGHAUL_NODES": str(nodes),
            "LONGHAUL_COORDINATOR": f"127.0.0.1:{free_port(nodes)}",
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
