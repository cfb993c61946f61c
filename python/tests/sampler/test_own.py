"""Samplers of one's own: what they may rely on, and what a search may rely on with them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from longhaul_sampler import activity, own
from longhaul_sampler.activity import SamplerActivities
from longhaul_sampler.own import OwnSamplers
from longhaul_sampler.request import AskRequest
from longhaul_sampler.studies import Studies

SPACE: dict[str, dict[str, Any]] = {
    "rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "units": {"type": "int", "low": 8, "high": 64, "step": 8},
    "kind": {"type": "categorical", "choices": ["a", "b"]},
}
CODE = """
import numpy
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

class Seeded(TPESampler):
    def __init__(self, seed, startup=2):
        print("made")
        super().__init__(seed=seed, n_startup_trials=startup)

class Fixed(BaseSampler):
    def __init__(self, **values):
        self.values = values
    def infer_relative_search_space(self, study, trial):
        return {}
    def sample_relative(self, study, trial, search_space):
        return {}
    def sample_independent(self, study, trial, name, distribution):
        value = self.values[name]
        return numpy.int64(value) if isinstance(value, int) else value

class Raises(RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        if any(t.state.is_finished() for t in study.trials):
            raise ZeroDivisionError("nothing to divide by")
        return super().sample_independent(study, trial, name, distribution)

class Ends(RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        import os
        os._exit(3)

class Hangs(RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        import time
        time.sleep(3600)

class Looks(RandomSampler):
    def __init__(self):
        import os
        raise ValueError(sorted(name for name in os.environ if "TEMPORAL" in name or "KEYS" in name))

def make(seed):
    return Seeded(seed)

def nothing():
    return 3

number = 3
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "a store"


@pytest.fixture
def samplers(monkeypatch: pytest.MonkeyPatch) -> Iterator[SamplerActivities]:
    monkeypatch.setattr(activity.activity, "heartbeat", lambda *_: None)
    made = SamplerActivities()
    yield made
    made.own.close()


def shipped(storage: Path, text: str = CODE) -> dict[str, Any]:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as packed:
        data = textwrap.dedent(text).encode()
        member = tarfile.TarInfo("mine.py")
        member.size = len(data)
        packed.addfile(member, io.BytesIO(data))
    sha256 = hashlib.sha256(archive.getvalue()).hexdigest()
    (storage / "code").mkdir(parents=True, exist_ok=True)
    (storage / "code" / sha256).write_bytes(archive.getvalue())
    return {"sha256": sha256, "bytes": len(archive.getvalue()), "files": 1, "from": "mine.py"}


def question(storage: Path, name: str, trials: list[dict[str, Any]], count: int = 1, **sampler: Any) -> dict[str, Any]:
    return {
        "study": "s",
        "space": SPACE,
        "sampler": {"class": name, "seed": 7, "code": shipped(storage), **sampler},
        "storage": {"kind": "directory", "path": str(storage)},
        "objectives": [{"metric": "m", "goal": "minimize"}],
        "plannedTrials": 20,
        "trials": trials,
        "warm": [],
        "count": count,
    }


def told(trials: list[dict[str, Any]], parameters: dict[str, Any]) -> None:
    n = len(trials)
    end = {"told": n, "state": "complete", "values": [parameters["rate"] * parameters["units"]]}
    trials.append({"trial": n, "parameters": parameters, "suggested": True, "asked": n, "last": None, **end})


def searched(asked: Any, trials: int = 8) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = []
    while len(done) < trials:
        told(done, asked(json.loads(json.dumps(done)))["suggestions"][0])
    return done


def test_it_equals_itself_after_its_process_and_its_worker_were_lost(samplers: SamplerActivities, storage: Path) -> None:
    undisturbed = searched(lambda trials: samplers.ask(question(storage, "mine:Seeded", trials)))

    def by_a_new_worker(trials: list[dict[str, Any]]) -> dict[str, Any]:
        other = SamplerActivities()
        try:
            return other.ask(question(storage, "mine:Seeded", trials))
        finally:
            other.own.close()

    assert searched(by_a_new_worker, 5) == undisturbed[:5]
    (child,) = samplers.own._children.values()
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    again = samplers.ask(question(storage, "mine:Seeded", undisturbed[:7]))
    assert again["suggestions"] == [undisturbed[7]["parameters"]]
    assert again["sampler"] == "mine:Seeded"


def test_it_is_that_of_optuna_with_the_same_class_and_seed(samplers: SamplerActivities, storage: Path) -> None:
    ours = searched(lambda trials: samplers.ask(question(storage, "optuna.samplers:RandomSampler", trials)), 5)
    studies = Studies()

    def random(trials: list[dict[str, Any]]) -> dict[str, Any]:
        body = question(storage, "", trials)
        return studies.ask(AskRequest.parse({**body, "sampler": {"kind": "random", "seed": 7}}))

    assert ours == searched(random, 5)


def test_it_may_be_made_by_a_function_and_have_options(samplers: SamplerActivities, storage: Path) -> None:
    assert samplers.ask(question(storage, "mine:make", []))["sampler"] == "mine:make"
    options = {"rate": 0.05, "units": 24, "kind": "b"}
    answer = samplers.ask(question(storage, "mine:Fixed", [], 2, options=options))
    assert answer["suggestions"] == [options, options]


def test_one_that_knows_the_end_of_a_space_ends_the_search(samplers: SamplerActivities, storage: Path) -> None:
    space = {"kind": SPACE["kind"]}
    trials: list[dict[str, Any]] = []
    exhausted = False
    while not exhausted:
        answer = samplers.ask({**question(storage, "optuna.samplers:BruteForceSampler", trials), "space": space})
        exhausted = answer["exhausted"]
        for parameters in answer["suggestions"]:
            told(trials, {**parameters, "rate": 1.0, "units": 1})
            trials[-1]["parameters"] = parameters
    assert sorted(trial["parameters"]["kind"] for trial in trials) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("there:Seeded", {}, "sampler.class: there cannot be imported: ModuleNotFoundError"),
        ("mine:Sedeed", {}, "there is no Sedeed in mine; its samplers are .*Fixed.*Seeded"),
        ("mine:number", {}, "expected a class or a function .* found mine:number, a int"),
        ("mine:nothing", {}, "expected a sampler of Optuna .* found int"),
        ("mine:Seeded", {"strartup": 3}, "sampler.options: mine:Seeded cannot be made with strartup=3, seed=7: TypeError"),
        ("mine:Fixed", {"rate": 7.0, "units": 8, "kind": "a"}, "suggested .*7.0.* does not lie in the space"),
        ("mine:Fixed", {"rate": 0.05}, "mine:Fixed: KeyError: 'units'"),
        ("mine:Ends", {}, "the process of the sampler ended with 3"),
    ],
)
def test_one_that_cannot_work_is_refused_before_the_first_trial(
    samplers: SamplerActivities, storage: Path, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApplicationError, match=message) as raised:
        samplers.ask(question(storage, name, [], options=options))
    assert (raised.value.type, raised.value.non_retryable) == ("InvalidInput", True)


def test_code_that_is_not_what_was_shipped_is_refused(samplers: SamplerActivities, storage: Path) -> None:
    asked = question(storage, "mine:Seeded", [])
    (storage / "code" / asked["sampler"]["code"]["sha256"]).write_bytes(b"something else")
    with pytest.raises(ApplicationError, match=r"sampler\.code: .*is not what was shipped"):
        samplers.ask(asked)


@pytest.mark.parametrize("name", ["mine:Raises", "mine:Ends"])
def test_one_that_fails_later_is_tried_again_and_the_search_stays(samplers: SamplerActivities, storage: Path, name: str) -> None:
    trials: list[dict[str, Any]] = []
    told(trials, {"rate": 0.01, "units": 8, "kind": "a"})
    trials[0]["suggested"] = False
    with pytest.raises(ApplicationError, match=r"ZeroDivisionError: nothing to divide by|ended with 3") as raised:
        samplers.ask(question(storage, name, trials))
    assert (raised.value.type, raised.value.non_retryable) == ("SamplerFailed", False)
    # As when it was mended, or what it needs is there again.
    assert samplers.ask(question(storage, "mine:Seeded", trials))["suggestions"]


def test_one_that_hangs_is_ended_and_told(storage: Path) -> None:
    beats: list[None] = []
    samplers = OwnSamplers(answer_seconds=0.5)
    asked = question(storage, "mine:Hangs", [])
    with pytest.raises(own.SamplerFailed, match="did not answer"):
        samplers.ask(asked, AskRequest.parse(asked), lambda: beats.append(None))
    assert beats
    assert not samplers._children


def test_it_sees_nothing_that_opens_temporal(samplers: SamplerActivities, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "secret")
    monkeypatch.setenv("LONGHAUL_ENCRYPTION_KEYS", "secret")
    with pytest.raises(ApplicationError, match=r"ValueError: \[\]"):
        samplers.ask(question(storage, "mine:Looks", []))


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ({}, True),
        ({"LONGHAUL_POLICY": "/p"}, False),
        ({"LONGHAUL_POLICY": "/p", "LONGHAUL_OWN_SAMPLERS": "true"}, True),
        ({"LONGHAUL_OWN_SAMPLERS": "false"}, False),
    ],
)
def test_a_worker_with_a_policy_runs_none_unless_it_says_so(environment: dict[str, str], allowed: bool) -> None:
    assert own.are_allowed(environment) is allowed


def test_what_may_not_run_does_not(storage: Path) -> None:
    asked = question(storage, "mine:Seeded", [])
    with pytest.raises(own.InvalidRequest, match="ownSamplers"):
        OwnSamplers({"LONGHAUL_POLICY": "/p"}).ask(asked, AskRequest.parse(asked), lambda: None)
