"""The life of a trial, on purpose worse than a cluster would make it. Each stage adds its findings to the report."""

from __future__ import annotations

import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from .files import check_exports, check_latest, check_progress, check_result, check_silence, not_finite, read_records
from .hints import NOT_DECODED, NOT_REPEATABLE, NOT_RESTORED, OTHER_DATA
from .report import Enough, Report
from .scene import DELAY_SECONDS, Scene

#: Grace on spot machines of GKE.
GRACE_SECONDS = 15.0
DATA_ERRORS = range(64, 79)
FENCED, CONFIG, PREEMPTED = 75, 78, 143
#: What must be the same in a training that was disturbed.
EQUAL = ("weightsSha256", "metrics", "objective", "steps", "samples")
#: How often as long four times as many epochs may take.
LONGER = 8.0
#: Below this a training is too short to tell.
TELLING_SECONDS = 2.0
#: Two attempts meet only while the first still trains, which must last longer than the second takes to start;
#: a training of many steps is not slowed by more than this in all.
MEETING_SECONDS, MOST_MEETING_SECONDS = 3.0, 30.0


class Check:
    """One trainer, tried from its first step to its end and beyond."""

    def __init__(
        self,
        scene: Scene,
        *,
        kills: int = 4,
        silence: float = 600.0,
        seed: int = 0,
        nodes: int = 1,
        fail_fast: bool = False,
        own_data: bool = False,
    ) -> None:
        self._scene = scene
        self._nodes = nodes
        self._kills = kills
        self._silence = silence
        self._rng = random.Random(seed)
        self._seconds = 0.0
        self._own_data = own_data
        self._repeatable: bool | None = None
        self.report = Report(fail_fast)

    def run(self) -> Report:
        """All checks; later ones are left out when the trainer cannot even train."""
        with suppress(Enough):
            if self._whole():
                self._stopped("SIGTERM", signal.SIGTERM)
                self._stopped("SIGKILL", signal.SIGKILL)
                self._fenced()
                self._missing_input()
                self._other_inputs()
                self._other_seed()
                if self._kills > 0 and self._four_times_as_long():
                    self._killed_again_and_again()
                    self._two_at_once()
        return self.report

    def _whole(self) -> bool:
        began = time.monotonic()
        code, log = self._scene.run("whole", 1)
        self._seconds = time.monotonic() - began
        told = f"exit {code}: {log}" + ("" if self._own_data else f" ({OTHER_DATA})")
        if not self.report.add("trains and exits 0", code == 0, "" if code == 0 else told):
            return False
        self._check_output("whole", attempts=1)
        return True

    def _check_output(self, name: str, *, attempts: int) -> None:
        report, output, objective = self.report, self._scene.output(name), self._scene.objective
        report.problems(f"{name}: progress records are numbered and whole", check_progress(output, attempts, objective))
        report.problems(f"{name}: result.json", check_result(output, objective))
        told = not_finite(output, objective)
        if told and self._scene.result(name).get("objective") is not None:
            report.add(f"{name}: each validation gives a number", False, told, level="should")
        report.problems(f"{name}: models are ready", check_exports(output))
        report.problems(f"{name}: LATEST and its checksums", check_latest(output))
        if self._nodes > 1:
            world = (self._scene.latest(name) or {}).get("world")
            report.add(f"{name}: LATEST says how many ranks have made it", world == self._nodes, f"{world} of {self._nodes}")
        report.problems(f"{name}: a record at least every {self._silence:g} s", check_silence(output, self._silence))

    def _check_equal(self, name: str, undisturbed: str = "whole", told_as: str | None = None) -> None:
        found, expected = self._scene.result(name), self._scene.result(undisturbed)
        different = [what for what in EQUAL if found.get(what) != expected.get(what)]
        if different and not self._is_repeatable():
            return
        for what in EQUAL:
            told = f"{found.get(what)} is not {expected.get(what)}" if what in different else ""
            if different and what == different[0]:
                told = f"{told}; {NOT_RESTORED}"
            self.report.add(f"{told_as or name}: {what} equals that of the undisturbed run", what not in different, told)

    def _is_repeatable(self) -> bool:
        """Asked only where something differs: whether it would have differed without a stop, too."""
        if self._repeatable is None:
            code, log = self._scene.run("again", 1)
            found, expected = self._scene.result("again"), self._scene.result("whole")
            self._repeatable = code == 0 and all(found.get(what) == expected.get(what) for what in EQUAL)
            told = "" if self._repeatable else NOT_REPEATABLE if code == 0 else f"exit {code}: {log}"
            self.report.add("the same seed gives the same model", self._repeatable, told)
        return self._repeatable

    def _stopped(self, name: str, number: signal.Signals) -> None:
        """Once, after some steps; and the next attempt trains to the end."""
        scene, report = self._scene, self.report
        process = scene.start(name, 1, delay=DELAY_SECONDS)
        begun = (scene.output(name) / "checkpoints" / "LATEST").exists
        if scene.wait(process, begun if number == signal.SIGKILL else lambda: scene.has_records(name), scene.timeout):
            time.sleep(3 * DELAY_SECONDS)  # some steps further on
            scene.wait(process, lambda: scene.committed_step(name) > 0, 3 * DELAY_SECONDS)
        began = time.monotonic()
        process.signal(number)
        code, log = process.wait(scene.timeout)
        seconds = time.monotonic() - began
        if code == 0 and (scene.output(name) / "result.json").exists():
            told = f"ignored, or it came too late: let each step wait for LONGHAUL_STEP_DELAY_SECONDS ({DELAY_SECONDS} s)"
            report.add(f"{name}: is stopped", False, f"it trained to its end; the signal was {told}")
            return
        if number == signal.SIGTERM:
            report.add("SIGTERM: exits 143", code == PREEMPTED, "" if code == PREEMPTED else f"exit {code}: {log}")
            report.add(f"SIGTERM: exits within {GRACE_SECONDS:.0f} s", seconds < GRACE_SECONDS, f"{seconds:.2f} s")
            reason = (scene.latest(name) or {}).get("reason")
            told = f"found {reason!r}" if reason != "sigterm" else ""
            report.add("SIGTERM: commits a checkpoint with reason sigterm", reason == "sigterm", told)
            report.problems("SIGTERM: LATEST and its checksums", check_latest(scene.output(name)))
        committed = scene.committed_step(name)
        report.add(f"{name}: had committed some progress", committed > 0, f"step {committed}", level="should")
        before = len(read_records(scene.output(name)))
        code, log = scene.run(name, 2)
        if not report.add(f"{name}: resumes and exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            return
        first = next((record for record in read_records(scene.output(name))[before:] if record.get("kind") == "start"), None)
        step = None if first is None else first.get("step")
        report.add(f"{name}: goes on from the committed step", step == committed, f"committed {committed}, went on from {step}")
        self._check_output(name, attempts=2)
        self._check_equal(name)

    def _fenced(self) -> None:
        """Attempt 1 comes back from a lost node after attempt 2 has taken over."""
        latest = self._scene.latest("SIGTERM")
        if (latest or {}).get("attempt") != 2:
            return
        address = self._scene.output("SIGTERM") / "checkpoints" / "LATEST"
        before = address.read_bytes()
        code, _ = self._scene.run("SIGTERM", 1)
        same = address.read_bytes() == before
        self.report.add("an older attempt is fenced off", same, f"exit {code}; LATEST must stay that of attempt 2")
        self.report.add("a fenced attempt exits 75", code == FENCED, f"exit {code}", level="should")

    def _missing_input(self) -> None:
        gone = {name: f"{uri}-gone" for name, uri in self._scene.data.items()}
        code, _ = self._scene.run("missing", 1, data=gone)
        self.report.add("missing data end with an exit code from 64 to 78", code in DATA_ERRORS, f"exit {code}")

    def _killed_again_and_again(self) -> None:
        """At random steps, in the middle of commits, with the newest checkpoint cut in half once."""
        scene, report, name = self._scene, self.report, "kills"
        story: list[str] = []
        attempt, torn = 0, False
        for attempt in range(1, self._kills + 1):
            number = self._rng.choice((signal.SIGKILL, signal.SIGTERM)) if attempt > 1 else signal.SIGKILL
            process = scene.start(name, attempt, delay=DELAY_SECONDS, epochs=self._many)
            step = scene.committed_step(name)
            further = step + self._rng.randint(1, 3)
            committing = number == signal.SIGKILL and self._rng.random() < 0.7
            if scene.wait(process, lambda further=further: scene.committed_step(name) >= further, scene.timeout) and committing:  # type: ignore[misc]
                committing = scene.wait(process, lambda: scene.is_committing(name), 2.0)
            process.signal(number)
            code, log = process.wait(scene.timeout)
            place = " inside a commit" if committing and number == signal.SIGKILL else ""
            story.append(f"{number.name}{place} at step {scene.committed_step(name)}")
            if code == 0:
                break
            if code not in (-9, 137, PREEMPTED):
                report.add(f"{name}: an attempt ends by the signal only", False, f"exit {code}: {log}; {'; '.join(story)}")
                return
            torn = torn or (attempt >= 2 and _tear(scene, name))
        code, log = scene.run(name, attempt + 1, epochs=self._many)
        told = "; ".join([*story, *(["newest checkpoint cut in half"] if torn else [])])
        if report.add(f"{name}: resumes and exits 0", code == 0, told if code == 0 else f"exit {code}: {log}; {told}"):
            report.add(f"{name}: passes over a torn checkpoint", torn, "" if torn else "LATEST had no `previous`", level="should")
            self._check_output(name, attempts=attempt + 1)
            self._check_equal(name, "long")

    def _two_at_once(self) -> None:
        """Attempt 1 is thought to be dead and is not: both write, and only attempt 2 may win."""
        scene, report, name = self._scene, self.report, "two-at-once"
        steps = max(int(scene.result("long").get("steps") or 1), 1)
        delay = min(MEETING_SECONDS + 2 * self._seconds, MOST_MEETING_SECONDS) / steps
        first = scene.start(name, 1, delay=delay, epochs=self._many)
        if not scene.wait(first, lambda: scene.committed_step(name) > 0, scene.timeout):
            first.signal(signal.SIGKILL)
            code, log = first.wait(scene.timeout)
            told = f"attempt 1 committed no step before it ended with exit {code}: {log}"
            report.add("two at once: a second attempt meets the first", False, told, level="should")
            return
        second = scene.start(name, 2, delay=delay, epochs=self._many)
        highest = 0
        fell = False
        while not second.ended:
            attempt = int((scene.latest(name) or {}).get("attempt", highest))
            fell, highest = fell or attempt < highest, max(attempt, highest)
            time.sleep(DELAY_SECONDS / 10)
            if time.monotonic() - second.began > scene.timeout:
                break
        code, log = second.wait(1.0)
        old, _ = first.wait(scene.timeout)
        last = (scene.latest(name) or {}).get("attempt")
        report.add("two at once: LATEST never goes back to the older attempt", not fell and last == 2, f"ends as that of attempt {last}")
        report.add("two at once: the older attempt exits 75", old == FENCED, f"exit {old}", level="should")
        if report.add("two at once: the later attempt exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            self._check_equal(name, "long", "two at once")

    def _other_inputs(self) -> None:
        """A checkpoint was made with other inputs: going on would mix two trainings."""
        scene, name = self._scene, "SIGKILL"
        if scene.latest(name) is None:
            return
        seed = int(scene.changes.get("seed", 7)) + 1
        code, _ = scene.run(name, 3, seed=seed)
        self.report.add("another seed on resume exits 78", code == CONFIG, f"exit {code}")
        given = dict(scene.changes.get("parameters", {}))
        number = next((key for key, value in given.items() if isinstance(value, (int, float)) and not isinstance(value, bool)), None)
        if number is None:  # one that the trainer does not know may be refused for that
            code, _ = scene.run(name, 4, parameters={**given, "longhaul_check": 0.5})
            refused = code in DATA_ERRORS and code != FENCED
        else:
            code, _ = scene.run(name, 4, parameters={**given, number: given[number] * 2 or 1})
            refused = code == CONFIG
        self.report.add("another parameter on resume exits 78", refused, f"exit {code}")

    def _other_seed(self) -> None:
        seed, name = int(self._scene.changes.get("seed", 7)) + 1, "another seed"
        code, log = self._scene.run(name, 1, seed=seed)
        decoded = code == 0 and (self._scene.output(name) / "result.json").exists()
        self.report.add("a folder with a space in its name is written to", decoded, "" if decoded else NOT_DECODED, level="should")
        if not decoded:
            name = "seed"
            code, log = self._scene.run(name, 1, seed=seed)
        if self.report.add("seed: trains and exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            other = self._scene.result(name).get("weightsSha256") != self._scene.result("whole").get("weightsSha256")
            self.report.add("another seed gives another model", other, "" if other else "weightsSha256 is the same")

    @property
    def _many(self) -> int:
        return 4 * int(self._scene.changes.get("epochs", 3))

    def _four_times_as_long(self) -> bool:
        """Bookkeeping that grows with the square of the records shows in a training of days."""
        began = time.monotonic()
        code, log = self._scene.run("long", 1, epochs=self._many)
        seconds = time.monotonic() - began
        if not self.report.add("long: trains and exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            return False
        linear = seconds < max(LONGER * self._seconds, TELLING_SECONDS)
        told = f"{seconds:.1f} s, against {self._seconds:.1f} s for a quarter of the epochs"
        self.report.add("long: four times the epochs take about four times as long", linear, told, level="should")
        return True


def _tear(scene: Scene, name: str) -> bool:
    latest = scene.latest(name) or {}
    folder = scene.output(name) / "checkpoints" / str(latest.get("checkpoint"))
    if not latest.get("previous") or not latest.get("files"):
        return False
    path: Path = max((folder / file for file in latest["files"]), key=lambda file: file.stat().st_size)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return True
