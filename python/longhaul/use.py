"""What an attempt uses of its machine, by the counters of Linux: the processes of the training, looked at every few seconds.

Elsewhere nothing is known. A pod has a network of its own, so its traffic is the attempt's; on a shared machine it is not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Between two looks, at least; a peak is the mean of such a span.
LOOK_SECONDS = 5.0
#: Looks cost time where there are many processes: no more than this part of it.
SHARE_OF_LOOKS = 0.01
#: A driver that hangs must not keep a thread for ever.
GPU_SECONDS = 10.0
#: Of the driver's program in a row; it is not asked any more then, and nothing is said about GPUs.
GPU_FAILURES = 3
MIB = 1024**2
GPU_QUERY = ["--query-gpu=index,uuid,utilization.gpu,memory.used", "--format=csv,noheader,nounits"]


@dataclass(frozen=True)
class Look:
    """Counters at one moment: CPU seconds so far (with children that have ended), bytes in memory now."""

    at: float
    cpu: float
    memory: int


class Use:
    """Means and peaks since the attempt began. `summary()` is what records say; empty where nothing is known.

    Measuring ends no training: what the kernel or a driver says that nobody expects is nothing that is known.

    `root`: the process whose descendants are the training's, too. `waited`: seconds that it has waited for data so far.
    """

    def __init__(self, root: int, waited: Callable[[], float], proc: Path = Path("/proc")) -> None:
        self._root, self._waited, self._proc = root, waited, proc
        self._network = _network(proc) if "KUBERNETES_SERVICE_HOST" in os.environ else None
        self._visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self._smi = shutil.which("nvidia-smi") if self._visible != "" else None
        self._gpu_failures = 0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._last = look(root, proc)
        self._cpu = self._cpu_peak = 0.0
        self._memory_sum, self._memory_peak, self._looks = 0.0, 0, 0
        self._gpu_sum, self._gpu_memory, self._gpu_looks, self._gpus = 0.0, 0.0, 0, 0

    def start(self) -> None:
        if self._last is not None:
            threading.Thread(target=self._watch, name="longhaul-use", daemon=True).start()

    def take(self) -> None:
        """One look more."""
        now = look(self._root, self._proc)
        with self._lock:
            if now is None or self._last is None or now.at <= self._last.at:
                return
            # What a process has used that ended without its parent's waiting for it is forgotten; nothing counts backwards.
            used = max(now.cpu - self._last.cpu, 0.0)
            seconds = now.at - self._last.at
            self._cpu += used
            # Counters tick in hundredths of a second.
            if seconds >= LOOK_SECONDS / 2:
                self._cpu_peak = max(self._cpu_peak, used / seconds)
            self._memory_sum += now.memory
            self._memory_peak = max(self._memory_peak, now.memory)
            self._looks += 1
            self._last = now

    def summary(self) -> dict[str, float]:
        """Cores, MiB and shares from 0 to 1; of several GPUs the mean share and the sum of their memory."""
        try:
            return self._summary()
        except Exception:
            return {}

    def _summary(self) -> dict[str, float]:
        if self._looks == 0:
            self.take()
        with self._lock:
            seconds = time.monotonic() - self._began
            if self._looks == 0 or seconds <= 0:
                return {}
            cores = self._cpu / seconds
            found: dict[str, float] = {
                "seconds": seconds,
                "cpu": cores,
                "cpuPeak": max(self._cpu_peak, cores),
                "memoryMb": self._memory_sum / self._looks / MIB,
                "memoryPeakMb": self._memory_peak / MIB,
                "waitShare": min(self._waited() / seconds, 1.0),
            }
            if self._gpu_looks > 0:
                found |= {"gpus": self._gpus, "gpu": self._gpu_sum / self._gpu_looks, "gpuMemoryPeakMb": self._gpu_memory}
            network = _network(self._proc) if self._network is not None else None
            if self._network is not None and network is not None:
                found |= {"receivedMb": (network[0] - self._network[0]) / MIB, "sentMb": (network[1] - self._network[1]) / MIB}
            return {name: round(value, 3) for name, value in found.items()}

    def _watch(self) -> None:
        rest = LOOK_SECONDS
        while True:
            time.sleep(rest)
            began = time.monotonic()
            with suppress(Exception):
                self.take()
                if self._smi is not None:
                    self._look_at_gpus(self._smi)
            rest = max(LOOK_SECONDS, (time.monotonic() - began) / SHARE_OF_LOOKS)

    def _look_at_gpus(self, smi: str) -> None:
        """What failed once may be busy; a mean of what came before it fell silent would pass for one of all the time."""
        self._gpu_failures = 0 if self._take_gpu(smi) else self._gpu_failures + 1
        if self._gpu_failures == GPU_FAILURES:
            self._smi = None
            with self._lock:
                self._gpu_looks = 0

    def _take_gpu(self, smi: str) -> bool:
        try:
            out = subprocess.run([smi, *GPU_QUERY], capture_output=True, text=True, timeout=GPU_SECONDS, check=True).stdout
            found = [[part.strip() for part in line.split(",")] for line in out.splitlines() if line.strip()]
            rows = [(float(share), float(memory)) for index, uuid, share, memory in found if _is_visible(index, uuid, self._visible)]
        except (OSError, ValueError, subprocess.SubprocessError):
            return False
        if not rows:
            return False
        with self._lock:
            self._gpus = len(rows)
            self._gpu_sum += sum(share for share, _ in rows) / len(rows) / 100
            self._gpu_memory = max(self._gpu_memory, sum(memory for _, memory in rows))
            self._gpu_looks += 1
        return True


def _is_visible(index: str, uuid: str, visible: str | None) -> bool:
    """As CUDA reads CUDA_VISIBLE_DEVICES: numbers, and the beginnings of identifiers."""
    if visible is None:
        return True
    named = [name.strip() for name in visible.split(",")]
    return any(name == index or (name.startswith("GPU-") and uuid.startswith(name)) for name in named)


def look(root: int, proc: Path = Path("/proc")) -> Look | None:
    """Of `root` and what descends from it; None where there is no /proc of Linux."""
    try:
        return _look(root, proc)
    except Exception:
        return None


def _look(root: int, proc: Path) -> Look | None:
    processes: dict[int, list[str]] = {}
    try:
        numbers = [int(name) for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return None
    for number in numbers:
        try:
            # After the name of the program, which may hold blanks and brackets.
            processes[number] = (proc / str(number) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
    if root not in processes:
        return None
    children: dict[int, list[int]] = {}
    for number, stat in processes.items():
        children.setdefault(int(stat[1]), []).append(number)
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found, waiting = [], [root]
    while waiting:
        number = waiting.pop()
        found.append(number)
        waiting.extend(children.get(number, []))
    # user, system, and both of children that were waited for
    cpu = sum(int(part) for number in found for part in processes[number][11:15]) / ticks
    memory = [(proc / str(number), int(processes[number][21]) * page) for number in found]
    return Look(time.monotonic(), cpu, sum(_share(*each) for each in memory) if len(found) > 1 else memory[0][1])


def _share(process: Path, resident: int) -> int:
    """Its share of what several have in memory, where the kernel tells: forked workers of a loader hold the same pages."""
    try:
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident


def _network(proc: Path) -> tuple[int, int] | None:
    """Bytes received and sent by all but the loop-back."""
    try:
        lines = (proc / "net" / "dev").read_text(encoding="utf-8", errors="replace").splitlines()[2:]
        counts = [[int(part) for part in rest.split()] for name, _, rest in (line.partition(":") for line in lines) if name.strip() != "lo"]
    except (OSError, ValueError):
        return None
    return sum(each[0] for each in counts), sum(each[8] for each in counts)
