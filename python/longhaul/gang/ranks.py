"""Which rank of how many a process is, and how each framework is told: from what Longhaul sets on every node."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from ..errors import UsageError

NODES, NODE_RANK, COORDINATOR = "LONGHAUL_NODES", "LONGHAUL_NODE_RANK", "LONGHAUL_COORDINATOR"
GPUS_PER_NODE = "LONGHAUL_GPUS_PER_NODE"
#: Fewer than a process for each GPU, for what drives several GPUs itself (`MirroredStrategy`).
PROCESSES_PER_NODE = "LONGHAUL_PROCESSES_PER_NODE"
#: A pod of an Indexed Job and its headless Service: `train-7-0.train-7`.
INDEXED = re.compile(r"^(?P<job>.+)-0(?P<service>(\..*)?)$")


@dataclass(frozen=True)
class Ranks:
    """One process among `world`, `local_world` of which are on this node."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    #: Where rank 0 listens for the others; frameworks have the ports above.
    host: str = "127.0.0.1"
    port: int = 0


def ranks_of_node(environment: Mapping[str, str]) -> list[Ranks]:
    """Those that the launcher starts on this node; empty where nothing asks for several."""
    nodes = _number(environment, NODES, 1, least=1)
    if nodes == 1:
        return []
    node = _number(environment, NODE_RANK, None)
    if node >= nodes:
        raise UsageError(f"{NODE_RANK}: expected less than {NODES}, which is {nodes}, found {node}")
    each = _number(environment, PROCESSES_PER_NODE, max(_number(environment, GPUS_PER_NODE, 0), 1), least=1)
    host, port = _address(environment)
    return [Ranks(node * each + local, nodes * each, local, each, host, port) for local in range(each)]


def ranks_of(environment: Mapping[str, str]) -> Ranks:
    """This process: as the launcher (or torchrun) has numbered it, else the only one of its node.

    Raises:
        UsageError: the variables contradict each other.
    """
    if _number(environment, NODES, 1, least=1) == 1:
        return Ranks()
    alone = ranks_of_node({**environment, PROCESSES_PER_NODE: "1"})[0]
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return alone
    rank, world = _number(environment, "RANK", None), _number(environment, "WORLD_SIZE", None, least=1)
    if rank >= world:
        raise UsageError(f"RANK: expected less than WORLD_SIZE, which is {world}, found {rank}")
    local, local_world = _number(environment, "LOCAL_RANK", 0), _number(environment, "LOCAL_WORLD_SIZE", 1, least=1)
    return Ranks(rank, world, local, local_world, alone.host, alone.port)


def variables_of(ranks: Ranks) -> dict[str, str]:
    """For PyTorch, TensorFlow and JAX.

    All processes of a node see all of its GPUs, as with torchrun, so that `cuda:{LOCAL_RANK}` is each one's own;
    `jax.distributed.initialize` takes its own by JAX_LOCAL_DEVICE_IDS.
    """
    found = {
        "RANK": str(ranks.rank),
        "WORLD_SIZE": str(ranks.world),
        "LOCAL_RANK": str(ranks.local_rank),
        "LOCAL_WORLD_SIZE": str(ranks.local_world),
        "MASTER_ADDR": ranks.host,
        "MASTER_PORT": str(ranks.port + 1),
        "JAX_COORDINATOR_ADDRESS": f"{ranks.host}:{ranks.port + 1}",
        "JAX_NUM_PROCESSES": str(ranks.world),
        "JAX_PROCESS_ID": str(ranks.rank),
    }
    if ranks.local_world > 1:
        found["JAX_LOCAL_DEVICE_IDS"] = str(ranks.local_rank)
    workers = [f"{_host_of(ranks, rank)}:{ranks.port + 1 + rank}" for rank in range(ranks.world)]
    found["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": ranks.rank}})
    return found


def set_missing(ranks: Ranks, environment: MutableMapping[str, str]) -> None:
    """For a script that no launcher has started: what is set already stays."""
    for name, value in variables_of(ranks).items():
        environment.setdefault(name, value)


def _host_of(ranks: Ranks, rank: int) -> str:
    """Pods of a Job differ by their index; on one machine there is one host."""
    match = INDEXED.match(ranks.host)
    return ranks.host if match is None else f"{match['job']}-{rank // ranks.local_world}{match['service']}"


def _address(environment: Mapping[str, str]) -> tuple[str, int]:
    text = environment.get(COORDINATOR, "")
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65535:
        raise UsageError(f"{COORDINATOR}: expected HOST:PORT of the first node, found {text!r}")
    return host.strip("[]"), int(port)


def _number(environment: Mapping[str, str], name: str, default: int | None, *, least: int = 0) -> int:
    text = environment.get(name) or ("" if default is None else str(default))
    if not text.isdigit() or int(text) < least:
        raise UsageError(f"{name}: expected a whole number of at least {least}, found {text!r}")
    return int(text)
