"""The launcher of shipped code, as a Job runs it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from scenes import PATH, PYTHON

from longhaul.check.launch import free_port

PATIENCE_SECONDS = 600.0


def trial_in(folder: Path) -> tuple[str, Path]:
    """The address of a trial.json, and where the trial writes."""
    output = folder / "out"
    document = {
        "version": 1, "seed": 1, "epochs": 1, "parameters": {}, "output": output.as_uri(),
        "objective": {"metric": "auc", "goal": "maximize"}, "checkpoint": {}, "parts": {},
    }  # fmt: skip
    (folder / "trial.json").write_text(json.dumps(document))
    return (folder / "trial.json").as_uri(), output


class Shipped:
    """A store with one program in it."""

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        self.root = root
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                member.mode = 0o755 if name.endswith(".sh") else 0o644
                archive.addfile(member, io.BytesIO(text.encode()))
        self.code = self.put(packed.getvalue())

    def put(self, data: bytes) -> str:
        path = self.root / "store" / "code" / hashlib.sha256(data).hexdigest()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path.as_uri()

    def start(
        self, *command: str, options: tuple[str, ...] = (), python: str = sys.executable, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        return subprocess.Popen(
            [python, "-m", "longhaul.launch", "--code", self.code, *options, "--", *command],
            cwd=work,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), "TMPDIR": str(work), "PYTHONPATH": str(PYTHON), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, **options: object) -> tuple[int, str, str]:
        process = self.start(*command, **options)  # type: ignore[arg-type]
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out, err


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def interpreters() -> list[str]:
    """Those of this machine that the SDK is for: no package of ours is in them."""
    found = {sys.executable}
    for name in ("/usr/bin/python3", *(f"python3.{minor}" for minor in range(9, 16))):
        path = shutil.which(name)
        ask = "import sys; print(sys.executable if sys.version_info >= (3, 9) else '')"
        asked = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False) if path else None
        if asked and asked.returncode == 0 and asked.stdout.strip():
            found.add(asked.stdout.strip())
    return sorted(found)


@pytest.mark.parametrize("python", interpreters())
def test_the_command_runs_in_the_code_by_the_same_interpreter(tmp_path: Path, python: str) -> None:
    shipped = Shipped(
        tmp_path,
        {
            "train.py": "import helper, sys; helper.tell(sys.argv[1:])",
            "helper.py": "import json, os, sys, longhaul\n"
            "def tell(given):\n"
            "    print(json.dumps([given, sorted(os.listdir()), sys.executable, os.environ['LONGHAUL_CODE_SHA256']]))\n",
        },
    )
    code, out, err = shipped.run("python", "train.py", "a b", "--x", python=python)
    assert code == 0, err
    given, files, used, digest = json.loads(out)
    assert given == ["a b", "--x"] and set(files) == {"train.py", "helper.py"} | ({"__pycache__"} & set(files))
    assert os.path.realpath(used) == os.path.realpath(python)
    assert shipped.code.endswith(digest)
    # Nothing is left where it ran.
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "code"),
    [(["sh", "-c", "exit 7"], 7), (["./end.sh"], 65), (["sh", "-c", "kill -9 $$"], 137), (["./nowhere"], 127), (["no-such-program"], 127)],
)
def test_the_exit_code_is_kept(tmp_path: Path, command: list[str], code: int) -> None:
    assert Shipped(tmp_path, {"end.sh": "#!/bin/sh\nexit 65\n"}).run(*command)[0] == code


def test_signals_go_to_the_command_and_its_answer_counts(tmp_path: Path) -> None:
    script = "import signal, sys, time, pathlib\ndef end(number, frame):\n    sys.exit(40 + number)\n"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        script += f"signal.signal({int(number)}, end)\n"
    script += "pathlib.Path(sys.argv[1]).touch()\nwhile True:\n    time.sleep(0.01)"
    shipped = Shipped(tmp_path, {"train.py": script})
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        ready = tmp_path / f"ready-{int(number)}"
        process = shipped.start("python", "train.py", str(ready))
        until(ready.exists, process)
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == 40 + number
        process.communicate()


#: Asks its parent for a signal, again as soon as that came: so often just when the parent begins to wait for it.
ECHO = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
for turn in range(40_000):
    os.kill(os.getppid(), signal.SIGUSR1)
    assert signal.sigtimedwait({signal.SIGUSR1}, 60), f"the one of turn {turn} was lost"
"""


@pytest.mark.parametrize("env", [{}, {"LONGHAUL_NODES": "1", "LONGHAUL_NODE_RANK": "0", "LONGHAUL_GPUS_PER_NODE": "1"}])
def test_no_signal_is_lost_whenever_it_comes(tmp_path: Path, env: dict[str, str]) -> None:
    code, _, err = Shipped(tmp_path, {"train.py": ECHO}).run("python", "train.py", env=env)
    assert code == 0, err


ENVIRONMENT = """
import json, os, sys
names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "JAX_COORDINATOR_ADDRESS",
         "JAX_NUM_PROCESSES", "JAX_PROCESS_ID", "JAX_LOCAL_DEVICE_IDS", "TF_CONFIG")
print(json.dumps({name: os.environ[name] for name in names}))
"""
GANG = {"LONGHAUL_NODES": "3", "LONGHAUL_NODE_RANK": "1", "LONGHAUL_COORDINATOR": "t-5-0.t-5:29400", "LONGHAUL_GPUS_PER_NODE": "2"}


def test_a_node_of_several_runs_a_process_for_each_gpu_and_tells_each_framework_which(tmp_path: Path) -> None:
    code, out, err = Shipped(tmp_path, {"train.py": ENVIRONMENT}).run("python", "train.py", env=GANG)
    assert code == 0, err
    found = {}
    for line in out.splitlines():
        prefix, _, text = line.partition("] ")
        found[prefix] = json.loads(text)
    assert sorted(found) == ["[rank 2", "[rank 3"]
    own = found["[rank 3"]
    workers = [f"t-5-{rank // 2}.t-5:{29401 + rank}" for rank in range(6)]
    assert json.loads(own.pop("TF_CONFIG")) == {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 3}}
    assert own == {
        "RANK": "3", "WORLD_SIZE": "6", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "t-5-0.t-5", "MASTER_PORT": "29401",
        "JAX_COORDINATOR_ADDRESS": "t-5-0.t-5:29401", "JAX_NUM_PROCESSES": "6", "JAX_PROCESS_ID": "3", "JAX_LOCAL_DEVICE_IDS": "1",
    }  # fmt: skip


PROGRESS = """
import pathlib, sys, time
sys.stdout.write("10%\\r20%\\r30%")
sys.stdout.flush()
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
sys.stdout.write("\\r\\nthe end")
"""


def test_a_progress_bar_is_told_as_it_moves(tmp_path: Path) -> None:
    process = Shipped(tmp_path, {"train.py": PROGRESS}).start(
        "python", "train.py", str(tmp_path / "seen"), env={**GANG, "LONGHAUL_GPUS_PER_NODE": "1"}
    )
    assert process.stdout is not None
    told = b""
    while told.count(b"\r") < 2:
        told += os.read(process.stdout.fileno(), 1000)
    (tmp_path / "seen").touch()
    while block := os.read(process.stdout.fileno(), 1000):
        told += block
    process.communicate(timeout=PATIENCE_SECONDS)
    assert told == b"[rank 1] 10%\r[rank 1] 20%\r[rank 1] 30%\r\n[rank 1] the end\n"


@pytest.mark.parametrize("env", [{**GANG, "LONGHAUL_GPUS_PER_NODE": "1"}, {"TOKEN": "hf_q8Zt1"}])
def test_output_that_nobody_takes_holds_up_nobody(tmp_path: Path, env: dict[str, str]) -> None:
    """As on a full disk: more is printed than a pipe holds."""
    shipped = Shipped(tmp_path, {"train.py": "print(('a' * 99 + chr(10)) * 20_000)"})
    command = [sys.executable, "-m", "longhaul.launch", "--code", shipped.code, "--secret", "TOKEN", "--", "python", "train.py"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "PYTHONPATH": str(PYTHON), **env},
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr


FIRST = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda number, frame: (here / ("told-" + os.environ["RANK"])).touch() or sys.exit(9))
(here / ("ready-" + os.environ["RANK"])).touch()
while os.environ["RANK"] == "2" and len(list(here.glob("ready-*"))) < 2:
    time.sleep(0.01)
if os.environ["RANK"] == "2" and "ENDS" in os.environ:
    sys.exit(int(os.environ["ENDS"]))
while "ENDS" not in os.environ or os.environ["ENDS"] != "0":
    time.sleep(0.01)
"""


@pytest.mark.parametrize(("ends", "told"), [("7", ["told-3"]), ("0", [])])
def test_the_process_that_fails_first_decides_and_the_others_are_ended(tmp_path: Path, ends: str, told: list[str]) -> None:
    code, _, err = Shipped(tmp_path, {"train.py": FIRST}).run("python", "train.py", str(tmp_path), env={**GANG, "ENDS": ends})
    assert code == int(ends), err
    assert sorted(path.name for path in tmp_path.glob("told-*")) == told


def test_a_signal_goes_to_all_processes_of_a_node(tmp_path: Path) -> None:
    process = Shipped(tmp_path, {"train.py": FIRST}).start("python", "train.py", str(tmp_path), env=GANG)
    until(lambda: len(list(tmp_path.glob("ready-*"))) == 2, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 9, err
    assert sorted(path.name for path in tmp_path.glob("told-*")) == ["told-2", "told-3"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"LONGHAUL_COORDINATOR": "nowhere"}, "LONGHAUL_COORDINATOR: expected HOST:PORT"),
        ({"LONGHAUL_NODE_RANK": "3"}, "LONGHAUL_NODE_RANK: expected less than"),
        ({"LONGHAUL_NODES": "many"}, "LONGHAUL_NODES: expected a whole number"),
    ],
)
def test_variables_that_make_no_sense_are_refused(tmp_path: Path, change: dict[str, str], said: str) -> None:
    code, out, err = Shipped(tmp_path, {"train.py": "print('ran')"}).run("python", "train.py", env={**GANG, **change})
    assert (code, out) == (64, "") and said in err and "Traceback" not in err


def test_nothing_outlives_a_launcher_that_is_killed(tmp_path: Path) -> None:
    shipped = Shipped(
        tmp_path, {"train.py": "import os, sys, time, pathlib\npathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\ntime.sleep(600)"}
    )
    told = tmp_path / "pid"
    process = shipped.start("python", "train.py", str(told))
    until(lambda: told.exists() and told.read_text() != "", process)
    child = Path("/proc") / told.read_text()
    process.kill()
    process.communicate()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while child.exists() and "State:\tZ" not in (child / "status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_trial_that_is_asked_to_go_before_it_could_answer_was_preempted(tmp_path: Path) -> None:
    """The script has not imported the SDK yet, so the signal ends it; that is no crash."""
    trial, output = trial_in(tmp_path)
    ready = tmp_path / "ready"
    shipped = Shipped(tmp_path, {"train.py": "import sys, time, pathlib\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(600)"})
    process = shipped.start("python", "train.py", str(ready), env={"LONGHAUL_TRIAL": trial})
    until(ready.exists, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 143, err
    assert json.loads((output / "checkpoints" / "LATEST").read_text())["reason"] == "sigterm", err


def test_what_is_not_what_was_shipped_never_runs(tmp_path: Path) -> None:
    shipped = Shipped(tmp_path, {"train.py": "print('ran')"})
    path = Path(shipped.code.removeprefix("file://"))
    path.write_bytes(path.read_bytes().replace(b"ran", b"RAN"))
    code, out, err = shipped.run("python", "train.py")
    assert (code, out) == (65, "") and "is not what was shipped" in err
    path.unlink()
    code, out, err = shipped.run("python", "train.py")
    assert (code, out) == (66, "") and "is not there any more" in err


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "link"])
def test_an_archive_puts_nothing_outside(tmp_path: Path, name: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    shipped = Shipped(tmp_path, {})
    shipped.code = shipped.put(packed.getvalue())
    code, _, err = shipped.run("sh", "-c", "true")
    assert code == 65 and "no file inside of the code" in err


def wheel(folder: Path, version: str) -> None:
    folder.mkdir(exist_ok=True)
    info = f"kilometre-{version}.dist-info"
    with zipfile.ZipFile(folder / f"kilometre-{version}-py3-none-any.whl", "w") as packed:
        packed.writestr("kilometre.py", f"version = {version!r}\n")
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: kilometre\nVersion: {version}\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", f"kilometre.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_requirements_are_installed_once_for_each_content_without_a_network(tmp_path: Path, installer: str) -> None:
    uv = next(Path(os.environ.get("LONGHAUL_CACHE", Path.home() / ".cache" / "longhaul")).glob("uv-*/bin/uv"), None)
    if installer == "uv" and uv is None:
        pytest.skip("uv comes with `npm run setup`")
    for version in ("1.0", "2.0"):
        wheel(tmp_path / "wheels", version)
    shipped = Shipped(tmp_path, {"train.py": "import kilometre, longhaul; print(kilometre.version)"})
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), **({"LONGHAUL_UV": str(uv)} if installer == "uv" else {})}
    one, two, missing = (shipped.put(f"kilometre=={version}  # pinned\n".encode()) for version in ("1.0", "2.0", "3.0"))

    def run(requirements: str) -> tuple[int, str, str]:
        return shipped.run("python", "train.py", options=("--requirements", requirements), env=offline)

    first, again, other = run(one), run(one), run(two)
    assert [first[:2], again[:2], other[:2]] == [(0, "1.0\n"), (0, "1.0\n"), (0, "2.0\n")], first[2]
    assert f"installing the requirements with {installer}" in first[2]
    assert "installing" not in again[2] and "installing" in other[2]
    code, out, err = run(missing)
    assert (code, out) == (64, ""), err
    assert "kilometre==3.0" in err


def test_a_prepared_folder_is_all_that_an_image_without_our_packages_needs(tmp_path: Path) -> None:
    shipped = Shipped(tmp_path, {"train.py": "import longhaul; print(longhaul.__file__)"})
    home = tmp_path / "home"
    prepare = [sys.executable, "-m", "longhaul.launch", "--prepare", str(home), "--code", shipped.code]
    prepared = subprocess.run(prepare, env={**os.environ, "PYTHONPATH": PATH}, capture_output=True, text=True, check=False)
    assert prepared.returncode == 0, prepared.stderr
    shutil.rmtree(tmp_path / "store")
    start = ["/usr/bin/env", "-i", sys.executable, "-S", str(home / "launch.py"), "--home", str(home), "--code", shipped.code]
    done = subprocess.run([*start, "--", "python3", "train.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(home / "python" / "longhaul" / "__init__.py")


TOGETHER = """
import longhaul
import pathlib, sys, time
with longhaul.trial() as trial:
    kept = trial.keep(kept={"n": trial.rank})
    for _ in trial.epochs():
        for batch in trial.batches(range(60)):
            kept["n"] += 1
            trial.step()
            if trial.attempt == 1:
                time.sleep(0.01)
                (pathlib.Path(sys.argv[1]) / f"trains-{trial.rank}").touch()
        trial.validation({"auc": 0.5})
"""


def test_two_nodes_of_two_processes_are_one_trial(tmp_path: Path) -> None:
    """SIGTERM to the launcher of one node; all four ranks commit, and both launchers say so."""
    trial, output = trial_in(tmp_path)
    shipped = Shipped(tmp_path, {"train.py": TOGETHER})

    def start(attempt: int) -> list[subprocess.Popen[str]]:
        shared = {
            "LONGHAUL_TRIAL": trial, "LONGHAUL_ATTEMPT": str(attempt), "LONGHAUL_NODES": "2",
            "LONGHAUL_GPUS_PER_NODE": "2", "LONGHAUL_COORDINATOR": f"127.0.0.1:{free_port(4)}",
        }  # fmt: skip
        return [shipped.start("python", "train.py", str(tmp_path), env={**shared, "LONGHAUL_NODE_RANK": str(node)}) for node in (0, 1)]

    nodes = start(1)
    until(lambda: len(list(tmp_path.glob("trains-*"))) == 4, nodes[0])
    nodes[1].send_signal(signal.SIGTERM)
    told = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in nodes]
    assert [process.returncode for process in nodes] == [143, 143], told
    latest = json.loads((output / "checkpoints" / "LATEST").read_text())
    assert (latest["reason"], latest["world"]) == ("sigterm", 4) and 0 < latest["step"] < 60, told
    assert {name.split("/")[0] for name in latest["files"]} == {f"rank-{rank}" for rank in range(4)}
    nodes = start(2)
    told = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in nodes]
    assert [process.returncode for process in nodes] == [0, 0], told
    result = json.loads((output / "result.json").read_text())
    assert (result["steps"], result["samples"]) == (60, 240)
