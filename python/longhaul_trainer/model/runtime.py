"""TensorFlow, set up so that the same work gives the same bits."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from contextlib import suppress
from functools import lru_cache
from typing import Any

from longhaul.errors import ConfigError, UsageError
from longhaul.importing import import_tensorflow

#: Read before TensorFlow is imported. oneDNN chooses kernels by shape and machine; without it the sums keep their order.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}
#: How many GPUs `resources` asks for. Without it they are hidden: a trial must not take what nobody gave it.
GPUS = "LONGHAUL_GPUS"
HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1"}

#: What glibc is told by mallopt(3), in bytes: blocks up to the greatest size it allows come from its own heap, which keeps what is freed.
#: By default it gives the tensors of a step back to the system after the step, and a quarter of the next step is page faults.
KEPT_MEMORY = {"M_MMAP_THRESHOLD": (-3, 32 << 20), "M_TRIM_THRESHOLD": (-1, 512 << 20), "M_TOP_PAD": (-2, 64 << 20)}

#: A thread that makes batches may hold the interpreter for so long while the training loop wants it (Python's default is ten times that).
SWITCH_SECONDS = 0.0005


def prepare_environment() -> None:
    """Must run before anything imports TensorFlow; what the user set stays."""
    for name, value in {**ENVIRONMENT, **({} if gpus_asked_for() else HIDDEN)}.items():
        os.environ.setdefault(name, value)
    with suppress(AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        for option, size in KEPT_MEMORY.values():
            mallopt(option, size)


def gpus_asked_for() -> int:
    """
    Raises:
        UsageError: the variable is no number.
    """
    text = os.environ.get(GPUS, "0")
    if not text.isdigit():
        raise UsageError(f"{GPUS}: expected a number of GPUs, found {text!r}")
    return int(text)


def check_gpus(found: int, built_with_cuda: bool) -> None:
    """
    Raises:
        ConfigError: TensorFlow sees fewer than were asked for: training would go on without them, for days and for their price.
    """
    asked = gpus_asked_for()
    if found < asked:
        why = "the machine or its driver has no more" if built_with_cuda else "it has no CUDA: use an image with tensorflow[and-cuda]"
        raise ConfigError(f"resources.gpu: expected {asked} GPU{'s' * (asked > 1)} in TensorFlow, found {found}; {why}, or ask for none")


@lru_cache(maxsize=1)
def tensorflow(threads: int, seed: int) -> Any:
    """TensorFlow with deterministic operations and a fixed number of threads."""
    prepare_environment()
    sys.setswitchinterval(SWITCH_SECONDS)
    tf = import_tensorflow()
    if gpus_asked_for():
        check_gpus(len(tf.config.list_physical_devices("GPU")), tf.test.is_built_with_cuda())
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(seed)
    return tf


def machine() -> dict[str, str]:
    """What besides the inputs decides the bits; recorded in checkpoints, a change is warned of."""
    return {
        "machine": platform.machine(),
        "instructions": _instructions(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", ""),
    }


def _instructions() -> str:
    """Vector instruction sets of this CPU; kernels differ by them."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    flags = line.split(":", 1)[1].split()
                    return " ".join(sorted(flag for flag in flags if flag.startswith(("avx", "fma", "sse", "amx", "asimd", "sve"))))
    except OSError:
        pass
    return "unknown"
