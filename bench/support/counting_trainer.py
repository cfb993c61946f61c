"""The reference trainer, which notes every step: `python counting_trainer.py FILE` appends (time, sessions trained on).

The note is made while the step's lock is held, so it tells exactly how far a killed process had come.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from typing import Any

from longhaul_trainer.resume.termination import mask_sigterm

NOTE = struct.Struct("<dq")


def main(file: str) -> int:
    import longhaul_trainer.__main__ as command
    from longhaul_trainer.model.runtime import prepare_environment

    prepare_environment()
    from longhaul_trainer.training import Training

    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    step = Training._step

    def noted(self: Training, batch: Any) -> None:
        step(self, batch)
        os.write(descriptor, NOTE.pack(time.time(), self.state.samples))

    Training._step = noted  # type: ignore[method-assign]
    return command.main(["train"])


if __name__ == "__main__":
    mask_sigterm()
    code = 1
    try:
        code = main(sys.argv[1])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
