"""The promise: kills at any write, inside commits, torn checkpoints: the same bits, curve, exports and numbering."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from forking import Forker
from scenes import SCRIPTS, SELDOM, TIMES, Scene


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed")


#: Script, schedules, kills in each.
SCRIPTED = [
    pytest.param("plain", 3, 5),
    pytest.param("linear_sklearn", 1, 4),
    pytest.param("whole_fit", 1, 3),
    pytest.param("trees_lightgbm", 1, 4, marks=needs("lightgbm")),
    pytest.param("trees_xgboost", 1, 3, marks=needs("xgboost")),
    pytest.param("transformer", 1, 3, marks=needs("transformers")),
    pytest.param("network_keras", 1, 3, marks=needs("keras")),
]


@pytest.mark.parametrize(("script", "schedules", "kills"), SCRIPTED)
def test_kills_change_nothing(tmp_path: Path, forker: Forker, script: str, schedules: int, kills: int) -> None:
    check_kills(Scene(forker, tmp_path, SCRIPTS / f"{script}.py"), schedules, kills)


def test_kills_change_nothing_in_pytorch(tmp_path: Path, torch_forker: Forker) -> None:
    check_kills(Scene(torch_forker, tmp_path, SCRIPTS / "network_torch.py"), 1, 4)


def test_kills_change_nothing_in_lightning(tmp_path: Path, lightning_forker: Forker) -> None:
    check_kills(Scene(lightning_forker, tmp_path, SCRIPTS / "module_lightning.py"), 1, 4)


#: Behind the first batch, in the middle, behind a validation, the last batch of an epoch, the first of the next one.
@pytest.mark.parametrize(("where", "step"), [("STOP_AT", 1), ("STOP_AT", 3), ("STOP_BEHIND", 5), ("STOP_AT", 13), ("STOP_AT", 14)])
def test_lightning_goes_on_behind_any_batch(tmp_path: Path, lightning_forker: Forker, where: str, step: int) -> None:
    scene = Scene(lightning_forker, tmp_path, SCRIPTS / "module_lightning.py")
    ended = scene.run("stopped", 1, **SELDOM, environment={where: str(step)})
    assert ended.code == 143 and f"at step {step} committed" in ended.log, ended.log
    assert scene.finish("stopped", 2) == scene.finish("undisturbed"), scene.log("stopped")


def check_kills(scene: Scene, schedules: int, kills: int) -> None:
    expected = scene.finish("undisturbed")
    assert expected["steps"] > 0 and expected["ends"] == 1 and expected["bestExport"] in expected["ready"]
    with ThreadPoolExecutor(2) as pool:
        played = pool.map(lambda seed: scene.play(f"schedule-{seed}", seed, kills), range(schedules * TIMES))
        for seed, (found, story) in enumerate(played):
            assert found == expected, f"schedule {seed}: {story}\n{scene.log(f'schedule-{seed}')}"


def test_every_write_may_be_the_last(tmp_path: Path, forker: Forker) -> None:
    """A killed first attempt, for each write that it makes until it has made them all."""
    scene = Scene(forker, tmp_path, SCRIPTS / "plain.py")
    expected = scene.finish("undisturbed", epochs=1)

    def killed_at(write: int) -> None:
        name = f"write-{write}"
        ended = scene.run(name, 1, epochs=1, environment={"DIE_AT": str(write)})
        assert ended.code in (0, -9), ended.log
        assert scene.finish(name, 2, epochs=1) == expected, f"killed at write {write}\n{scene.log(name)}"

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(killed_at, range(1, 25, 2)))


@pytest.mark.parametrize("change", [{"seed": 8}, {"parameters": {"lr": 0.01}}, {"epochs": 4}])
def test_another_training_is_refused(scene: Scene, change: dict[str, Any]) -> None:
    assert scene.run("one", 1, environment={"DIE_AT": "12", "DIE_BY": "15"}).code == 143
    ended = scene.run("one", 2, **change)
    assert ended.code == 78
    assert "was made with other inputs" in ended.log and "Traceback" not in ended.log


def test_another_script_is_refused(tmp_path: Path, forker: Forker) -> None:
    script = tmp_path / "train.py"
    script.write_text((SCRIPTS / "plain.py").read_text(encoding="utf-8"))
    (tmp_path / "ranking.py").write_text((SCRIPTS / "ranking.py").read_text(encoding="utf-8"))
    scene = Scene(forker, tmp_path, script)
    assert scene.run("one", 1, environment={"DIE_AT": "12", "DIE_BY": "15"}).code == 143
    (tmp_path / "ranking.py").write_text((SCRIPTS / "ranking.py").read_text(encoding="utf-8") + "\nMORE = 1\n")
    ended = scene.run("one", 2)
    assert ended.code == 78 and "code (was" in ended.log


def test_another_seed_gives_another_model(scene: Scene) -> None:
    assert scene.finish("one")["weightsSha256"] != scene.finish("two", seed=8)["weightsSha256"]
