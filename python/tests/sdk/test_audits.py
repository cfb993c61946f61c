"""A part of a training that is trained again: equal where nothing is wrong, and where something is, the step and the tensor."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from forking import Forker
from scenes import PYTHON, TIMES, Scene

from longhaul.audits.keeper import Keeper
from longhaul.audits.points import differences
from longhaul.audits.tensors import digests_of
from longhaul.audits.windows import window_at
from longhaul.policies import AuditPolicy
from longhaul.resume.background import BackgroundWorker
from longhaul.store import open_store
from longhaul.store.base import Chunk

SHARE = 0.25
FAULTY = PYTHON.parent / "bench" / "audit" / "trainer.py"


def pairs(scene: Scene, name: str) -> dict[str, dict[str, Any]]:
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((scene.output(name) / "audits").glob("*/pair.json"))
    }


def repeat_of(scene: Scene, name: str, **more: Any) -> dict[str, Any]:
    ((number, pair),) = pairs(scene, name).items()
    folder = scene.output(name) / "audits" / number
    return {"repeat": {"pair": folder.as_uri(), "checkpoint": pair["from"]["checkpoint"], **more}}


def found_by(scene: Scene, original: str, again: str) -> list[tuple[int, list[str]]]:
    (pair,) = pairs(scene, original).values()
    repeated = json.loads((scene.output(again) / "repeat.json").read_text(encoding="utf-8"))
    assert repeated["points"][-1]["step"] == pair["to"]["step"]
    return list(differences(pair, repeated))


@pytest.mark.parametrize("share", [0.02, 0.07, 0.25, 1.0])
def test_no_window_is_more_than_its_share_of_what_was_trained_before_and_the_seed_draws_it(share: float) -> None:
    places = set()
    for seed in range(40):
        for step in range(1, 3000, 7):
            window = window_at(share, seed, "run/search/3", step)
            if window is None:
                assert step < 1 / share
                continue
            assert window.end / 2 <= window.start and window.start + window.steps <= window.end
            assert 1 <= window.steps <= max(1, share * window.start)
            places.add((window.number, window.start))
    assert share == 1.0 or len(places) > 40


def test_a_pair_is_kept_and_equal_when_it_is_trained_again(scene: Scene) -> None:
    plain = scene.finish("plain")
    assert scene.finish("original", audit={"share": SHARE}) == plain, "what is kept changes nothing"
    (pair,) = pairs(scene, "original").values()
    trained = pair["to"]["step"] - pair["from"]["step"]
    assert 0 < trained <= SHARE * plain["steps"]
    ended = scene.run("again", 1, **repeat_of(scene, "original"))
    assert ended.code == 0, ended.log
    assert found_by(scene, "original", "again") == []
    assert not (scene.output("again") / "exports").exists()
    assert [record["kind"] for record in scene.records("again")][-1] == "end"


def test_kills_inside_the_window_of_either_training_change_nothing(scene: Scene) -> None:
    plain = scene.finish("plain")
    for seed in range(TIMES):
        name = f"killed-{seed}"
        outcome, story = scene_with(scene, {"audit": {"share": 0.9}}).play(name, seed=seed, kills=3)
        assert outcome == plain, story
        again = scene_with(scene, repeat_of(scene, name))
        for attempt in (1, 2):
            again.run(
                f"{name}-again", attempt, environment={"DIE_AT": str(5 * attempt), "DIE_WHEN": "after", "DIE_BY": str(int(signal.SIGTERM))}
            )
        ended = again.run(f"{name}-again", 3)
        assert ended.code == 0, ended.log
        assert found_by(scene, name, f"{name}-again") == [], story


def scene_with(scene: Scene, changes: dict[str, Any]) -> Scene:
    """The same scene, whose trials have these fields too."""

    class With(Scene):
        def variables(self, name: str, attempt: int, **more: Any) -> dict[str, str]:
            return super().variables(name, attempt, **{**changes, **more})

    found = With.__new__(With)
    found.__dict__.update(scene.__dict__)
    return found


@pytest.mark.parametrize(
    ("fault", "faulty_trainings"),
    [("FLIP_AT", ("original",)), ("OTHER_ARITHMETIC", ("again",)), ("FORGET_GENERATOR", ("original", "again"))],
)
def test_a_planted_fault_is_found_at_its_step_and_tensor(
    forker: Forker, tmp_path: Path, fault: str, faulty_trainings: tuple[str, ...]
) -> None:
    scene = Scene(forker, tmp_path, FAULTY)
    quick = {"LONGHAUL_STEP_DELAY_SECONDS": "0"}
    scene.finish("probe", audit={"share": 0.9}, environment=quick)
    (window,) = pairs(scene, "probe").values()
    at = window["from"]["step"] + (5 if fault == "FLIP_AT" else 1)
    environment = {**quick, fault: str(at)}
    # The window is drawn by the trial's name, which the scene gives all alike.
    scene.finish("original", audit={"share": 0.9}, environment=environment if "original" in faulty_trainings else quick)
    ended = scene.run("again", 1, environment=environment if "again" in faulty_trainings else quick, **repeat_of(scene, "original"))
    assert ended.code == 0, ended.log
    first, names = found_by(scene, "original", "again")[0]
    # A sum in another order may be rounded alike for some steps.
    assert first - at in range(5 if fault == "OTHER_ARITHMETIC" else 1)
    assert names[0] in ("model/weights", "model/bias")


def test_a_pair_that_is_gone_or_another_is_refused(scene: Scene) -> None:
    scene.finish("original", audit={"share": SHARE})
    other = repeat_of(scene, "original")
    other["repeat"]["checkpoint"] = "000000001-9"
    ended = scene.run("again", 1, **other)
    assert ended.code == 66 and "expected checkpoint 000000001-9" in ended.log
    wanted = repeat_of(scene, "original")
    kept = next((scene.output("original") / "audits").rglob("arrays.bin"))
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    ended = scene.run("torn", 1, **wanted)
    assert ended.code == 66 and "not whole" in ended.log


def test_what_differs_is_named() -> None:
    numpy = pytest.importorskip("numpy")
    one = {"model": {"a": numpy.zeros(3), "b": [numpy.ones(2), 4]}, "position": {"step": 3}}
    two = {"model": {"a": numpy.zeros(3), "b": [numpy.ones(2), 5]}, "position": {"step": 3}}
    found, other = digests_of(one), digests_of(two)
    assert list(found) == ["model/a", "model/b/0", "model/b", "position"]
    assert [name for name in found if found[name] != other[name]] == ["model/b"]


class Bytes:
    step = samples = 0

    def files(self) -> dict[str, Sequence[Chunk]]:
        return {"one.bin": [b"1"], "two.bin": [b"2"]}


class Kept:
    """A keeper of a trial, without the training."""

    def __init__(self, root: Path, attempt: int, found: Any = None, step: int = -1, max_bytes: int | None = None) -> None:
        self.said: list[str] = []
        self.root, self.behind, self.step = root, BackgroundWorker("uploads"), step
        self.keeper = Keeper(
            open_store(root.as_uri()),
            root.as_uri(),
            AuditPolicy(share=0.25, max_bytes=max_bytes),
            seed=1,
            name="t",
            attempt=attempt,
            machine={},
            background=self.behind,
            warn=self.said.append,
        )
        self.keeper.restore(found, step)

    def train(self, until: Callable[[], bool]) -> None:
        while not until():
            self.step += 1
            self.keeper.at(self.step, self.step, lambda: {"position": self.step}, Bytes)

    @property
    def state(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        found: dict[str, Any] = json.loads(json.dumps(self.keeper.state()))
        return found

    @property
    def files(self) -> set[str]:
        return {str(path.relative_to(self.root / "audits")) for path in (self.root / "audits").rglob("*") if path.is_file()}


def test_a_window_whose_checkpoint_is_not_whole_begins_anew_and_the_pair_before_it_stays(tmp_path: Path) -> None:
    first = Kept(tmp_path, 1)
    first.train(lambda: first.state["done"] == 0)
    first.behind.drain()
    before = first.files
    assert any(name.startswith("0/") for name in before)
    go_on = threading.Event()

    def wait() -> None:
        go_on.wait()

    first.behind.do(wait)
    first.train(lambda: first.state["open"] is not None)
    torn = first.state  # what a SIGTERM commits now
    earlier = {**torn, "open": {**torn["open"], "from": {**torn["open"]["from"], "files": {"one.bin": {}, "two.bin": {}}}}}
    for found in (torn, earlier):  # a release before this one named files that were not there yet
        assert Kept(tmp_path, 2, found, first.step).state["open"] is None
    assert first.files == before
    go_on.set()
    first.behind.drain()
    third = Kept(tmp_path, 3, first.state, first.step)
    assert third.state["open"] is not None
    for path in (tmp_path / "audits" / "1").rglob("two.bin"):
        path.unlink()
    third.train(lambda: third.state["done"] == 1)
    third.behind.drain()
    assert third.files >= before
    fourth = Kept(tmp_path, 4, torn, first.step)
    fourth.train(lambda: fourth.state["done"] >= 1)
    fourth.behind.drain()
    numbers = {name.split("/")[0] for name in fourth.files}
    assert len(numbers) == 1 and numbers != {"0"}


def reached(kept: Kept, step: int) -> bool:
    return kept.step == step


def test_a_checkpoint_larger_than_what_may_be_kept_is_not_and_that_is_said_once(tmp_path: Path) -> None:
    size = 2  # of `Bytes`
    for most, kept in ((size - 1, False), (size, True), (None, True)):
        found = Kept(tmp_path / str(most), 1, max_bytes=most)
        found.train(partial(reached, found, 40))
        found.behind.drain()
        assert any(name.endswith("pair.json") for name in found.files) == kept
        assert [f"has {size} bytes" in said and "audit: { share: 0.25 }" in said for said in found.said] == [True] * (not kept)
        assert not found.keeper.due(100) or kept
