"""Several ranks: what happens to one happens to all, and nothing of it shows in the model."""

from __future__ import annotations

import importlib.util
import json
import random
import signal
import socket
import time
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest
from forking import Forker
from gangs import Gang
from scenes import SCRIPTS, SELDOM, TIMES

from longhaul.check.launch import free_port

SIGTERM, SIGKILL = str(int(signal.SIGTERM)), str(int(signal.SIGKILL))
PREEMPTED = 143


@pytest.fixture
def gang(tmp_path: Path, forker: Forker) -> Gang:
    return Gang(forker, tmp_path, SCRIPTS / "gang_sockets.py")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> dict[str, Any]:
    return Gang(forker, tmp_path_factory.mktemp("undisturbed"), SCRIPTS / "gang_sockets.py").finish_together("undisturbed")


def test_all_ranks_train_and_rank_0_tells(gang: Gang, undisturbed: dict[str, Any]) -> None:
    found = gang.finish_together("one")
    assert found == undisturbed
    latest = gang.latest("one")
    assert latest["world"] == 2 and {name.split("/")[0] for name in latest["files"]} == {"rank-0", "rank-1"}
    starts = [record for record in gang.records("one") if record["kind"] == "start"]
    assert len(starts) == 1
    # 3 parts of 60 sessions, half of them for each rank, 8 in a batch.
    assert found["steps"] == 12 * found["epochs"]


@pytest.mark.parametrize("nodes", [2, 3])
def test_a_sigterm_at_one_rank_stops_all_at_one_boundary(gang: Gang, undisturbed: dict[str, Any], nodes: int) -> None:
    expected = undisturbed if nodes == 2 else gang.finish_together("undisturbed", nodes=nodes)
    rng = random.Random(nodes)
    for turn in range(TIMES):
        rank, step, name = rng.randrange(nodes), rng.randint(1, 20), f"turn-{turn}"
        codes = gang.attempt(name, 1, nodes, on={rank: {"GANG_AT_STEP": str(step), "GANG_SIGNAL": SIGTERM}})
        assert codes == [PREEMPTED] * nodes, gang.log(name)
        latest = gang.latest(name)
        assert latest["reason"] == "sigterm" and latest["world"] == nodes and latest["step"] > step, gang.log(name)
        assert latest["letGo"], gang.log(name)
        assert gang.finish_together(name, 2, nodes) == expected, gang.log(name)


ASKED_BEFORE = """
import longhaul, os, signal, time
if "ASKED" in os.environ:
    longhaul.termination.answer_while_importing()  # as the import does in a process of its own
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    os.kill(os.getpid(), signal.SIGTERM)
    while not longhaul.termination._own.asked.is_set():
        time.sleep(0.01)
with longhaul.trial() as trial:
    trial.keep(kept={"n": 0})
    for _ in trial.epochs():
        for batch in trial.batches(range(40)):
            trial.step()
        trial.validation({"auc": 0.5})
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_sigterm_that_a_script_s_own_answer_took_stops_all_ranks_once_they_train(tmp_path: Path, forker: Forker, rank: int) -> None:
    (tmp_path / "asked.py").write_text(ASKED_BEFORE, encoding="utf-8")
    gang = Gang(forker, tmp_path, tmp_path / "asked.py")
    codes = gang.attempt("one", 1, on={rank: {"ASKED": "1"}}, everywhere={"LONGHAUL_STEP_DELAY_SECONDS": "0.05"})
    assert codes == [PREEMPTED] * 2, gang.log("one")
    assert gang.latest("one")["reason"] == "sigterm"


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_killed_ends_the_others_and_the_next_attempt_goes_on(gang: Gang, undisturbed: dict[str, Any], rank: int) -> None:
    codes = gang.attempt("one", 1, on={rank: {"GANG_AT_STEP": "17", "GANG_SIGNAL": SIGKILL}})
    assert codes[rank] == -9 and codes[1 - rank] == PREEMPTED, gang.log("one")
    latest = gang.latest("one")
    assert (latest["attempt"], latest["reason"]) == (1, "sigterm"), gang.log("one")
    assert gang.finish_together("one", 2) == undisturbed


def test_every_write_of_either_rank_may_be_the_last(gang: Gang, undisturbed: dict[str, Any]) -> None:
    """Among them those of a shard and of LATEST, and of the claim; and a shard that is cut in half."""
    rng = random.Random(5)
    for turn in range(3 * TIMES):
        rank, name = turn % 2, f"turn-{turn}"
        for attempt in (1, 2):
            chosen = {
                "DIE_AT": str(rng.randint(1, 16)),
                "DIE_WHEN": rng.choice(["before", "after"]),
                "DIE_BY": rng.choice([SIGKILL, SIGTERM]),
            }
            codes = gang.attempt(name, attempt, on={rank: chosen})
            assert set(codes) <= {0, -9, PREEMPTED}, gang.log(name)
            if turn % 3 == 2:
                gang.tear_newest(name, f"rank-{rng.randrange(2)}")
        assert gang.finish_together(name, 3) == undisturbed, gang.log(name)


def test_a_torn_shard_makes_a_torn_checkpoint(gang: Gang, undisturbed: dict[str, Any]) -> None:
    assert gang.attempt("one", 1, on={1: {"GANG_AT_STEP": "20", "GANG_SIGNAL": SIGTERM}}) == [PREEMPTED] * 2
    before = gang.latest("one")
    assert gang.tear_newest("one", "rank-1")
    assert gang.finish_together("one", 2) == undisturbed
    assert "is torn or corrupt (rank-1/" in gang.log("one")
    assert f"begins at step {before['previous'][0]['step']} with 2 ranks" in gang.log("one")


@pytest.mark.parametrize("nodes", [1, 3])
def test_another_number_of_ranks_is_refused(gang: Gang, nodes: int) -> None:
    assert gang.attempt("one", 1, on={0: {"GANG_AT_STEP": "8", "GANG_SIGNAL": SIGTERM}}) == [PREEMPTED] * 2
    assert gang.attempt("one", 2, nodes) == [78] * nodes, gang.log("one")
    assert f"was made by 2 ranks, and this attempt has {nodes}" in gang.log("one") and "Traceback" not in gang.log("one")


def test_what_reshards_goes_on_with_another_number_of_ranks_and_says_so(gang: Gang) -> None:
    reshards = {"RESHARDS": "1"}
    stop = {0: {"GANG_AT_STEP": "14", "GANG_SIGNAL": SIGTERM}}
    assert gang.attempt("one", 1, on=stop, everywhere=reshards) == [PREEMPTED] * 2
    step = gang.latest("one")["step"]
    gang.finish_together("one", 2, 3, everywhere=reshards)
    told = [f"3 ranks went on at step {step} from a checkpoint of 2"]
    assert gang.latest("one")["inexact"] == told and gang.latest("one")["world"] == 3
    assert [record.get("inexact") for record in gang.records("one") if record["kind"] == "start"] == [None, told]
    assert json.loads((gang.output("one") / "result.json").read_text(encoding="utf-8"))["inexact"] == told


@pytest.mark.parametrize(("how", "code"), [("GANG_RAISES", 65), ("GANG_CRASHES", 1)])
@pytest.mark.parametrize("rank", [0, 1])
def test_the_exit_code_of_one_is_that_of_all(gang: Gang, how: str, code: int, rank: int) -> None:
    assert gang.attempt("one", 1, on={rank: {"GANG_AT_STEP": "3", how: "1"}}) == [code] * 2, gang.log("one")
    assert "on one rank" in gang.log("one")


def test_ranks_with_other_inputs_are_refused(gang: Gang) -> None:
    codes = gang.attempt("one", 1, everywhere={"LONGHAUL_CODE_SHA256": "a" * 64}, on={1: {"LONGHAUL_CODE_SHA256": "b" * 64}})
    assert codes == [78] * 2 and "All ranks must run the same code" in gang.log("one")


def test_a_sigterm_in_a_long_validation_commits_what_all_ranks_had_before_it(gang: Gang, undisturbed: dict[str, Any]) -> None:
    assert gang.attempt("one", 1, everywhere={"GANG_SLEEPS_IN_EPOCH": "1"}, **SELDOM) == [PREEMPTED] * 2, gang.log("one")
    latest = gang.latest("one")
    assert (latest["reason"], latest["step"], latest["world"]) == ("sigterm", 24, 2), gang.log("one")
    assert gang.finish_together("one", 2, **SELDOM) == undisturbed


STUCK = """
import longhaul
import longhaul.attempt
import os, pathlib, signal, threading, time
from longhaul.store.directory import DirectoryStore

longhaul.attempt.HUNG_STEP_SECONDS = longhaul.attempt.EXPORT_SECONDS = 0.2
uploaded = DirectoryStore.upload

def upload(store, *arguments):
    if trial.attempt == 1:
        threading.Event().wait()
    uploaded(store, *arguments)

DirectoryStore.upload = upload
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": 0})
    for epoch in trial.epochs():
        for batch in trial.batches(range(5)):
            kept["n"] += 1
            trial.step()
        if trial.attempt == 1 and epoch == 1:
            if trial.rank == 0:
                pathlib.Path(HERE, "away").touch()
            while not pathlib.Path(HERE, "away").exists():
                time.sleep(0.01)
            if trial.rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)
        trial.validation({"validation_ndcg_at_10": kept["n"]}, model=lambda folder: (folder / "n").write_text(str(kept["n"])))
"""


def test_a_sigterm_commits_nothing_that_names_a_model_whose_upload_did_not_end(tmp_path: Path, forker: Forker) -> None:
    """Rank 0 waits with its second model for the first one."""
    (tmp_path / "stuck.py").write_text(STUCK.replace("HERE", repr(str(tmp_path))), encoding="utf-8")
    gang = Gang(forker, tmp_path, tmp_path / "stuck.py")
    assert gang.attempt("one", 1, **SELDOM) == [PREEMPTED] * 2, gang.log("one")
    assert not gang.latest("one").get("files"), gang.log("one")
    found = gang.finish_together("one", 2, **SELDOM)
    exported = [record["name"] for record in gang.records("one") if record["kind"] == "export"]
    assert len(exported) == found["epochs"]
    assert all((gang.output("one") / "exports" / name / "READY").exists() for name in exported), gang.log("one")


def test_a_later_attempt_fences_all_ranks_of_the_older_one(gang: Gang) -> None:
    gang.finish_together("one", 2)
    assert gang.attempt("one", 1) == [75] * 2, gang.log("one")


def test_pytorch_over_gloo(tmp_path: Path, torch_forker: Forker) -> None:
    """A rank in a collective operation hears of the end of another, whose workers live on for a while."""
    gang = Gang(torch_forker, tmp_path, SCRIPTS / "gang_torch.py")
    expected = gang.finish_together("undisturbed")
    assert expected["steps"] == 12 * expected["epochs"]
    for rank, sign, codes in ((1, SIGTERM, [PREEMPTED, PREEMPTED]), (1, SIGKILL, [PREEMPTED, -9]), (0, SIGKILL, [-9, PREEMPTED])):
        name = f"{rank}-{sign}"
        assert gang.attempt(name, 1, on={rank: {"GANG_AT_STEP": "15", "GANG_SIGNAL": sign}}) == codes, gang.log(name)
        assert gang.latest(name)["reason"] == "sigterm", gang.log(name)
        assert gang.finish_together(name, 2) == expected, gang.log(name)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_tensorflow_with_multi_worker_mirrored_strategy(tmp_path: Path, forker: Forker) -> None:
    """The script is started by no launcher of ours: the trial sets TF_CONFIG."""
    gang = Gang(forker, tmp_path, SCRIPTS / "gang_tensorflow.py")
    expected = gang.finish_together("undisturbed")
    assert gang.attempt("one", 1, on={0: {"GANG_AT_STEP": "14", "GANG_SIGNAL": SIGTERM}}) == [PREEMPTED, PREEMPTED], gang.log("one")
    assert gang.latest("one")["reason"] == "sigterm", gang.log("one")
    assert gang.finish_together("one", 2) == expected, gang.log("one")


def test_every_port_that_a_framework_takes_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # Those behind may be others' just now.
        tries = chain([port - 2, port - 1, port], count(port + 1))
        monkeypatch.setattr(random, "randint", lambda *_: next(tries))
        assert free_port(2) > port


FORKS = """
import os, signal, time
import longhaul
with longhaul.trial() as trial:
    if os.fork() == 0:
        while not os.path.exists(os.environ["OVER"]):
            time.sleep(0.05)
        os._exit(0)
    if trial.rank == int(os.environ["DIES"]):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_child_that_outlives_a_rank_does_not_hide_its_end(tmp_path: Path, forker: Forker, rank: int) -> None:
    script = tmp_path / "train.py"
    script.write_text(FORKS, encoding="utf-8")
    gang = Gang(forker, tmp_path, script)
    codes = gang.attempt("one", 1, everywhere={"DIES": str(rank), "OVER": str(tmp_path / "over")})
    (tmp_path / "over").touch()
    assert codes[rank] == -9 and codes[1 - rank] == PREEMPTED, gang.log("one")


STARTS = """
import longhaul
with longhaul.trial() as trial:
    pass
"""


def test_a_sigterm_while_the_ranks_gather_leaves_what_is_committed(tmp_path: Path, forker: Forker) -> None:
    script = tmp_path / "train.py"
    script.write_text(STARTS, encoding="utf-8")
    gang = Gang(forker, tmp_path, script)
    alone = {"LONGHAUL_NODES": "2", "LONGHAUL_NODE_RANK": "1", "LONGHAUL_COORDINATOR": f"127.0.0.1:{free_port(2)}"}
    process = gang.start("alone", 1, environment=alone)
    while "rank 1: waits for rank 0 at" not in gang.log("alone"):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(600) == PREEMPTED, gang.log("alone")
    assert (gang.latest("alone")["reason"], gang.latest("alone")["attempt"]) == ("sigterm", 1)
