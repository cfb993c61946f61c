"""What an attempt says that it used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_local import outputs, python

from longhaul.use import GPU_FAILURES, LOOK_SECONDS, Use, look

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the counters are those of Linux")
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
MIB = 1024**2


class Proc:
    """A /proc of processes that a test invents."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def process(self, number: int, parent: int, *, seconds: float = 0, reaped: float = 0, mib: int = 0, pss_mib: int | None = None) -> None:
        folder = self.root / str(number)
        folder.mkdir(exist_ok=True)
        fields = ["0"] * 50
        fields[0], fields[1] = "S", str(parent)
        fields[11], fields[13] = str(int(seconds * TICKS)), str(int(reaped * TICKS))
        fields[21] = str(mib * MIB // PAGE)
        (folder / "stat").write_text(f"{number} (a (strange) name) {' '.join(fields)}")
        if pss_mib is not None:
            (folder / "smaps_rollup").write_text(f"aaaa-bbbb ---p\nRss: {mib * 1024} kB\nPss: {pss_mib * 1024} kB\n")

    def network(self, received: int, sent: int) -> None:
        (self.root / "net").mkdir(exist_ok=True)
        row = "{}: {} 0 0 0 0 0 0 0 {} 0 0 0 0 0 0 0\n"
        (self.root / "net" / "dev").write_text(
            "Inter-|\n face |\n" + row.format("    lo", 9 * MIB, 9 * MIB) + row.format("  eth0", received, sent)
        )


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_the_processes_of_a_training_count_with_its_children_and_nobody_else_s(proc: Proc) -> None:
    proc.process(1, 0, seconds=100, mib=900)
    proc.process(7, 1, seconds=3, reaped=2, mib=200, pss_mib=150)
    proc.process(8, 7, seconds=4, mib=200, pss_mib=60)
    proc.process(9, 8, seconds=1, mib=10)
    proc.process(20, 1, seconds=50, mib=700)
    (proc.root / "21").mkdir()  # ended between two reads
    found = look(7, proc.root)
    assert found is not None
    assert found.cpu == pytest.approx(10)
    assert found.memory == (150 + 60 + 10) * MIB


def test_there_is_nothing_to_say_where_there_is_no_proc(tmp_path: Path) -> None:
    use = Use(7, lambda: 0.0, tmp_path / "none")
    use.start()
    assert use.summary() == {}


def test_means_are_over_the_attempt_and_peaks_over_a_look(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    proc.network(5 * MIB, MIB)
    proc.process(7, 1, seconds=50, mib=100)
    use = Use(7, lambda: 5.0, proc.root)
    for cpu, mib in ((70, 300), (75, 200)):
        now[0] += LOOK_SECONDS
        proc.process(7, 1, seconds=cpu, mib=mib)
        use.take()
    proc.network(25 * MIB, 4 * MIB)
    found = use.summary()
    assert found["seconds"] == 2 * LOOK_SECONDS
    assert found["cpu"] == pytest.approx(25 / (2 * LOOK_SECONDS), abs=1e-3)
    assert found["cpuPeak"] == pytest.approx(20 / LOOK_SECONDS, abs=1e-3)
    assert (found["memoryMb"], found["memoryPeakMb"]) == (250, 300)
    assert found["waitShare"] == 0.5
    assert (found["receivedMb"], found["sentMb"]) == (20, 3)


def test_a_child_that_ends_does_not_count_backwards(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    proc.process(7, 1, mib=1)
    proc.process(8, 7, seconds=30, mib=1)
    use = Use(7, lambda: 0.0, proc.root)
    proc.process(8, 1, seconds=30, mib=1)  # it has gone to another parent
    now[0] += LOOK_SECONDS
    use.take()
    assert use.summary()["cpu"] == 0


def test_gpus_are_asked_of_the_driver_s_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, "echo '0, GPU-ab1, 80, 10000'; echo '1, GPU-cd2, 20, 30000'")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("longhaul.use.LOOK_SECONDS", 0.01)
    use = Use(os.getpid(), lambda: 0.0)
    use.start()
    found = until(use.summary, lambda summary: "gpu" in summary)
    assert (found["gpus"], found["gpu"], found["gpuMemoryPeakMb"]) == (2, 0.5, 40000)


@pytest.mark.parametrize(("visible", "share", "memory"), [("1", 0.2, 30000), ("GPU-ab", 0.8, 10000), ("1, 0", 0.5, 40000)])
def test_the_gpus_of_others_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, share: float, memory: int) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    use = Use(os.getpid(), lambda: 0.0)
    use._look_at_gpus(smi(tmp_path, "echo '0, GPU-ab1, 80, 10000'; echo '1, GPU-cd2, 20, 30000'"))
    found = use.summary()
    assert (found["gpu"], found["gpuMemoryPeakMb"]) == (share, memory)


def test_a_driver_that_fails_once_is_asked_again_and_one_that_fell_silent_is_not_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    good = smi(tmp_path, "echo '0, GPU-ab1, 80, 10000'")
    use = Use(os.getpid(), lambda: 0.0)
    for _ in range(GPU_FAILURES + 1):
        use._look_at_gpus(good)
        use._look_at_gpus("/bin/false")
    assert use.summary()["gpu"] == 0.8
    for _ in range(GPU_FAILURES - 1):
        use._look_at_gpus("/bin/false")
    assert "gpu" not in use.summary()
    assert use._smi is None


def smi(folder: Path, script: str) -> str:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_process_whose_name_is_no_text_is_measured_with_the_others() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "open('/proc/self/comm', 'wb').write(b'z\\xc3'); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert b"\xc3" in Path(f"/proc/{child.pid}/stat").read_bytes()
    with_it, without = look(os.getpid()), look(child.pid)
    child.communicate(b"\n")
    assert with_it is not None and without is not None and with_it.memory > without.memory > 0


def test_what_nobody_expects_in_proc_ends_no_training(proc: Proc) -> None:
    (proc.root / "7").mkdir()
    (proc.root / "7" / "stat").write_text("7 (python) S one")
    use = Use(7, lambda: 0.0, proc.root)
    assert use.summary() == {}

    def broken() -> float:
        raise ValueError("no number")

    proc.process(7, 1, seconds=3, mib=200)
    use = Use(7, broken, proc.root)
    use.take()
    assert use.summary() == {}


def until(ask: Callable[[], dict[str, float]], done: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    pause = threading.Event()
    while not done(found := ask()):
        pause.wait(0.01)
    return found


def test_the_last_record_of_a_training_says_what_it_used(tmp_path: Path) -> None:
    ended = python(tmp_path)
    assert ended.returncode == 0, ended.stderr
    (output,) = outputs(tmp_path)
    records = [json.loads(path.read_text()) for path in output.glob("progress/*.json")]
    (end,) = (record for record in records if record["kind"] == "end")
    assert end["use"]["memoryPeakMb"] > 5
    assert end["use"]["cpuPeak"] >= end["use"]["cpu"]
    assert 0 <= end["use"]["waitShare"] <= 1
