"""SIGTERM while frameworks are imported, in a step that hangs, in a validation; and children that can still be ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import Forker
from scenes import SELDOM, Scene

PATIENCE_SECONDS = 600.0


def scripted(root: Path, forker: Forker, text: str) -> Scene:
    script = root / "train.py"
    script.write_text(text, encoding="utf-8")
    return Scene(forker, root, script)


def wait(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def told(scene: Scene, name: str) -> Callable[[], bool]:
    return lambda: (scene.root / name).exists()


SLOW_IMPORT = """
import longhaul
import pathlib, time
import slow
with longhaul.trial() as trial:
    pass
"""


def test_an_import_is_interrupted_and_the_committed_checkpoint_stays(tmp_path: Path, forker: Forker) -> None:
    scene = scripted(tmp_path, forker, SLOW_IMPORT)
    (tmp_path / "slow.py").write_text(
        f"import pathlib, time\npathlib.Path({str(tmp_path / 'importing')!r}).touch()\ntime.sleep(600)\n", encoding="utf-8"
    )
    process = scene.start("one", 1)
    wait(process, told(scene, "importing"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    latest = scene.latest("one")
    assert (latest["reason"], latest["attempt"], latest["step"]) == ("sigterm", 1, 0)
    (tmp_path / "slow.py").write_text("", encoding="utf-8")
    assert scene.start("one", 2).wait(PATIENCE_SECONDS) == 0, scene.log("one")


OWN_ANSWER = """
import os, pathlib, select, signal, sys, time
asked = []
def answer():
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
{before}
pathlib.Path(HERE, "trains").touch()
while not asked:
    time.sleep(0.01)
own = longhaul.termination._own
for _ in range(2 if own else 0):  # the SDK's thread, where there is one, hears of it and of another one, and lets both be
    while select.select([own._read], [], [], 0)[0]:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
{then}
sys.exit(5)
"""


@pytest.mark.parametrize("before", ["import longhaul\nanswer()", "answer()\nimport longhaul"], ids=["after", "before"])
def test_a_script_that_opens_no_trial_keeps_its_own_answer_and_its_latest(tmp_path: Path, forker: Forker, before: str) -> None:
    text = OWN_ANSWER.format(before=before, then="").replace("HERE", repr(str(tmp_path)))
    scene = scripted(tmp_path, forker, text)
    process = scene.start("one", 1)
    wait(process, told(scene, "trains"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 5, scene.log("one")
    assert not (scene.output("one") / "checkpoints" / "LATEST").exists() and "SIGTERM before" not in scene.log("one")


STOPPED_LATER = """with longhaul.trial() as trial:
    trial.keep(kept={"n": 0})
    for batch in trial.batches(range(1000)):
        trial.step()
"""


def test_a_trial_that_is_opened_after_another_answer_stops_at_its_first_boundary(tmp_path: Path, forker: Forker) -> None:
    text = OWN_ANSWER.format(before="import longhaul\nanswer()", then=STOPPED_LATER).replace("HERE", repr(str(tmp_path)))
    scene = scripted(tmp_path, forker, text)
    process = scene.start("one", 1)
    wait(process, told(scene, "trains"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    assert scene.latest("one")["reason"] == "sigterm"


HANGING = """
import longhaul
import pathlib, time
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": 0})
    for epoch in trial.epochs():
        for batch in trial.batches(range(10)):
            kept["n"] += 1
            trial.step()
            if kept["n"] == 5 and trial.attempt == 1:
                pathlib.Path(HERE, "hangs").touch()
                time.sleep(600)
        trial.validation({"validation_ndcg_at_10": kept["n"]}, model=lambda folder: (folder / "n").write_text(str(kept["n"])))
"""


def test_a_batch_that_hangs_is_left_and_what_was_committed_goes_on(tmp_path: Path, forker: Forker) -> None:
    scene = scripted(tmp_path, forker, HANGING.replace("HERE", repr(str(tmp_path))))
    process = scene.start("one", 1)
    wait(process, told(scene, "hangs"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    assert "no batch has ended" in scene.log("one")
    assert scene.latest("one")["reason"] == "sigterm" and scene.latest("one")["step"] < 5
    assert scene.start("one", 2).wait(PATIENCE_SECONDS) == 0
    assert json.loads((scene.output("one") / "result.json").read_text(encoding="utf-8"))["metrics"] == {"validation_ndcg_at_10": 30.0}


TAKEN = """
import longhaul
import ctypes, os, pathlib, signal, time
with longhaul.trial() as trial:
    for batch in trial.batches(iter(int, 1)):
        if trial.steps == 0:
            ctypes.CDLL(None).signal(int(signal.SIGTERM), ctypes.c_void_p(1))  # SIG_IGN, without Python's knowledge
        trial.step()
        if trial.steps == 3:
            pathlib.Path(HERE, "trains").touch()
"""


def test_a_signal_that_a_framework_has_taken_in_c_is_answered(tmp_path: Path, forker: Forker) -> None:
    """As the coordination service of TensorFlow and JAX takes it."""
    scene = scripted(tmp_path, forker, TAKEN.replace("HERE", repr(str(tmp_path))))
    process = scene.start("one", 1)
    wait(process, told(scene, "trains"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    assert scene.latest("one")["reason"] == "sigterm"


BEATING = """
import longhaul
import pathlib, time
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": 0})
    for epoch in trial.epochs():
        for batch in trial.batches(range(3)):
            kept["n"] += 1
            trial.step()
        while trial.attempt == 1:
            pathlib.Path(HERE, "validates").touch()
            trial.beat()
            time.sleep(0.01)
        trial.validation({"validation_ndcg_at_10": kept["n"]})
"""


def test_a_long_validation_answers_where_it_beats(tmp_path: Path, forker: Forker) -> None:
    scene = scripted(tmp_path, forker, BEATING.replace("HERE", repr(str(tmp_path))))
    process = scene.start("one", 1)
    wait(process, told(scene, "validates"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    assert "no batch has ended" not in scene.log("one")
    assert scene.latest("one")["reason"] == "sigterm"
    assert scene.start("one", 2).wait(PATIENCE_SECONDS) == 0, scene.log("one")


QUIET = """
import longhaul
import longhaul.attempt
import pathlib, threading, time
from longhaul.store.directory import DirectoryStore

longhaul.attempt.HUNG_STEP_SECONDS = longhaul.attempt.EXPORT_SECONDS = 0.2
uploaded = DirectoryStore.upload

def upload(store, *arguments):
    if trial.attempt == 1 and PLACE.startswith("upload"):
        if PLACE == "upload":
            pathlib.Path(HERE, "away").touch()
        threading.Event().wait()
    uploaded(store, *arguments)

DirectoryStore.upload = upload
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": 0})
    for epoch in trial.epochs():
        for batch in trial.batches(range(5)):
            kept["n"] += 1
            trial.step()
            if trial.attempt == 1 and PLACE == "upload" and epoch == 1:
                while not pathlib.Path(HERE, "away").exists():
                    time.sleep(0.01)
        if trial.attempt == 1 and (PLACE == "validation" or (PLACE == "upload, the next one waits" and epoch == 1)):
            pathlib.Path(HERE, "away").touch()
        if trial.attempt == 1 and PLACE == "validation":
            time.sleep(600)
        trial.validation({"validation_ndcg_at_10": kept["n"]}, model=lambda folder: (folder / "n").write_text(str(kept["n"])))
"""


@pytest.mark.parametrize("where", ["validation", "upload", "upload, the next one waits"])
def test_the_last_boundary_is_committed_where_no_other_comes_in_time(tmp_path: Path, forker: Forker, where: str) -> None:
    """A validation that does not beat, a model that is still being uploaded, also with another behind it: no checkpoint was taken yet."""
    scene = scripted(tmp_path, forker, QUIET.replace("HERE", repr(str(tmp_path))).replace("PLACE", repr(where)))
    process = scene.start("one", 1, **SELDOM)
    wait(process, told(scene, "away"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    latest = scene.latest("one")
    assert (latest["reason"], latest["step"], bool(latest["files"])) == ("sigterm", 5, True), scene.log("one")
    found = scene.finish("one", 2, **SELDOM)
    epochs = int(found["epochs"])
    assert found["lastMetrics"] == {"validation_ndcg_at_10": 5.0 * epochs}
    assert [step for step, _, _ in found["curve"]] == [5 * epoch for epoch in range(1, epochs + 1)]
    assert len(found["exported"]) == epochs


CHILDREN = """
import longhaul
import multiprocessing, os, pathlib, time

def work(path):
    pathlib.Path(path).write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    with longhaul.trial() as trial:
        context = multiprocessing.get_context(METHOD)
        first, second = (context.Process(target=work, args=(HERE + "/" + name,), daemon=True) for name in ("first", "second"))
        first.start(), second.start()
        for batch in trial.batches(iter(int, 1)):
            if os.path.exists(HERE + "/first") and first.is_alive() and trial.steps == 0:
                first.terminate()
                first.join()
                pathlib.Path(HERE, "ended").write_text(str(first.exitcode))
            trial.step()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_can_be_ended_and_end_with_their_parent(tmp_path: Path, forker: Forker, method: str) -> None:
    text = CHILDREN.replace("HERE", repr(str(tmp_path))).replace("METHOD", repr(method))
    scene = scripted(tmp_path, forker, text.replace("trial.steps == 0", "True"))
    process = scene.start("one", 1)
    wait(process, lambda: (tmp_path / "ended").exists() and (tmp_path / "ended").read_text(encoding="utf-8") != "")
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "-15"  # and the parent goes on, which was not asked
    wait(process, lambda: (tmp_path / "second").exists() and (tmp_path / "second").read_text(encoding="utf-8") != "")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, scene.log("one")
    child = int((tmp_path / "second").read_text(encoding="utf-8"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return "\tZ" not in next(
            line for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() if line.startswith("State")
        )
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return False


def test_a_trial_in_a_child_is_refused(tmp_path: Path, forker: Forker) -> None:
    scene = scripted(tmp_path, forker, "import longhaul\nwith longhaul.trial():\n    pass\n")
    variables = {"LONGHAUL_TRIAL_PROCESS": "1", **scene.variables("one", 1)}
    found = forker.run(scene.script, tmp_path / "one.log", variables)
    assert found == 64 and "__main__" in scene.log("one")


def test_what_ends_the_trial_is_an_exit_code_and_one_message(tmp_path: Path, forker: Forker) -> None:
    scene = scripted(tmp_path, forker, "import longhaul\nwith longhaul.trial() as trial:\n    trial.parameters['lr']\n")
    ended = scene.run("one", 1)
    assert ended.code == 64 and ended.log.count("\n") == 2 and "parameter lr: expected a value, found none" in ended.log
    assert os.listdir(scene.output("one")) == ["progress"]
