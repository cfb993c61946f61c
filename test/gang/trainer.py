"""A trainer of several ranks in plain Python: they add up by TCP on the coordinator, and agree there on the step after which they save."""

import hashlib
import json
import os
import signal
import socket
import sys
import time

from longhaul.store import join, open_store
from longhaul.store.base import ABSENT

STEPS = int(os.environ.get("GANG_STEPS", "150"))
STEP_SECONDS = 0.02
SAVE_EVERY_SECONDS = 1.0
ROUND = 2**61 - 1

rank, world = int(os.environ["LONGHAUL_NODE_RANK"]), int(os.environ["LONGHAUL_NODES"])
host, port = os.environ["LONGHAUL_COORDINATOR"].rsplit(":", 1)
output, attempt = os.environ["LONGHAUL_OUTPUT"], int(os.environ["LONGHAUL_ATTEMPT"])
store = open_store(output)
stopping = False


def on_sigterm(*_):
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, on_sigterm)


def lines_of(connection):
    return connection.makefile("rw", encoding="utf-8", newline="\n")


def meet():
    """Rank 0: the others by rank; another rank: rank 0 alone."""
    if rank == 0:
        with socket.create_server(("", int(port))) as server:
            peers = {}
            while len(peers) < world - 1:
                server.settimeout(0.1)
                try:
                    peer = lines_of(server.accept()[0])
                    peers[int(peer.readline())] = peer
                except TimeoutError:
                    if stopping:
                        sys.exit(143)
            return [peers[each] for each in sorted(peers)]
    while not stopping:
        try:
            connection = socket.create_connection((host, int(port)), timeout=5)
        except OSError:
            time.sleep(0.05)
            continue
        # Whoever is missing is waited for.
        connection.settimeout(None)
        peer = lines_of(connection)
        print(rank, file=peer, flush=True)
        return [peer]
    sys.exit(143)


def tell(peers, value):
    for peer in peers:
        print(json.dumps(value), file=peer, flush=True)


def hear(peer):
    line = peer.readline()
    if not line:
        raise ConnectionError("a rank is gone")
    return json.loads(line)


def together(peers, own):
    """What all ranks have, by rank, at every rank."""
    if rank == 0:
        everything = [own, *(hear(peer) for peer in peers)]
        tell(peers, everything)
        return everything
    tell(peers, own)
    return hear(peers[0])


def put(name, value, if_generation=None):
    store.write(join(output, name), [json.dumps(value).encode()], if_generation=if_generation)


def read(name):
    found = store.read(join(output, name))
    return (None, "0") if found is None else (json.loads(bytes(found.data)), found.generation)


def records():
    n = 1
    while store.read(join(output, f"progress/{n}.json")) is not None:
        n += 1
    while True:
        yield n
        n += 1


def main():
    global stopping
    latest, generation = read("checkpoints/LATEST")
    begun = 0
    state = rank + 1
    if latest is not None:
        begun = latest["step"]
        shard, _ = read(f"checkpoints/{latest['checkpoint']}/shard-{rank}.json")
        state = shard["state"]
    peers = meet()
    print(f"rank {rank} of {world} begins at step {begun}", flush=True)
    numbers = records() if rank == 0 else iter(())

    def record(kind, step):
        if rank == 0:
            n = next(numbers)
            body = {"n": n, "time": time.time(), "attempt": attempt, "kind": kind, "epoch": 0, "part": 0, "step": step}
            body = {**body, "samples": step * world, "metrics": {"loss": 1 / (1 + step)}, "done": step / STEPS}
            put(f"progress/{n}.json", body, ABSENT)

    def save(step, reason):
        nonlocal generation
        name = f"{step}-{attempt}"
        put(f"checkpoints/{name}/shard-{rank}.json", {"state": state})
        together(peers, True)
        if rank == 0:
            files = {}
            for each in range(world):
                data = bytes(store.read(join(output, f"checkpoints/{name}/shard-{each}.json")).data)
                files[f"shard-{each}.json"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            body = {"checkpoint": name, "attempt": attempt, "step": step, "samples": step * world, "files": files, "reason": reason}
            told = {"letGo": True} if reason == "sigterm" else {}
            put("checkpoints/LATEST", {**body, "world": world, **told}, generation)
            generation = read("checkpoints/LATEST")[1]
        together(peers, True)

    record("start", begun)
    saved = time.monotonic()
    for step in range(begun + 1, STEPS + 1):
        time.sleep(STEP_SECONDS)
        due = rank == 0 and time.monotonic() - saved > SAVE_EVERY_SECONDS
        all_ranks = together(peers, {"own": state * (rank + 2) % ROUND, "stop": stopping, "due": due})
        total = sum(each["own"] for each in all_ranks)
        state = (state * 6364136223846793005 + total + step) % ROUND
        if any(each["stop"] for each in all_ranks):
            save(step, "sigterm")
            record("checkpoint", step)
            print(f"rank {rank} saved at step {step}", flush=True)
            sys.exit(143)
        if all_ranks[0]["due"]:
            save(step, "interval")
            record("checkpoint", step)
            saved = time.monotonic()
        elif step % 10 == 0:
            record("train", step)
    states = [each["own"] for each in together(peers, {"own": state})]
    weights = hashlib.sha256(json.dumps(states).encode()).hexdigest()
    if rank == 0:
        record("end", STEPS)
        result = {"metrics": {"loss": 1 / (1 + STEPS)}, "objective": 1 / (1 + STEPS), "bestStep": STEPS, "steps": STEPS, "epochs": 1}
        put("result.json", {**result, "samples": STEPS * world, "bestExport": None, "weightsSha256": weights})
    together(peers, True)
    print(f"rank {rank} ends with {weights}", flush=True)


main()
