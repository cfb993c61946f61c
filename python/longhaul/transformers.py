"""Hugging Face's `Trainer`: its own checkpoints are the state, saved when Longhaul finds it time, and gone on from exactly.

What `resume_from_checkpoint` restores (weights, optimizer, scheduler, random states, the place in the data) is what a kill leaves.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers.trainer_utils import get_last_checkpoint

from transformers import TrainerCallback

from .errors import UsageError

if TYPE_CHECKING:
    from .script import Trial

Choose = Callable[[Mapping[str, float]], Mapping[str, Any]]


class Folder:
    """The newest checkpoint of a `Trainer`, file by file; restored into a folder of its own."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="longhaul-transformers-"))
        self.name = ""

    @property
    def path(self) -> str | None:
        """For `resume_from_checkpoint`."""
        return str(self.root / self.name) if self.name else None

    def state_dict(self) -> dict[str, Any]:
        here = self.root / self.name
        files = sorted(path for path in here.rglob("*") if path.is_file()) if self.name else []
        return {"name": self.name, "files": {path.relative_to(here).as_posix(): bytearray(path.read_bytes()) for path in files}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.name = state["name"]
        for name, data in state["files"].items():
            path = self.root / self.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


class Callback(TrainerCallback):  #
    """Counts steps, records validations, and has the `Trainer` save when a checkpoint is due or the machine is about to go."""

    def __init__(self, trial: Trial, folder: Folder, choose: Choose) -> None:
        self._trial = trial
        self._folder = folder
        self._choose = choose

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
        samples = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        self._trial.count(samples=samples, epoch=int(state.epoch + 1e-9))
        # At the end of an epoch it is evaluated first; a checkpoint before that would lose the evaluation.
        if not _whole(state.epoch) and self._trial.save_due:
            control.should_save = True
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
        if state.global_step >= state.max_steps or self._trial.save_due:
            control.should_save = True
        return control

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Mapping[str, float], **more: Any) -> None:
        model = more.get("model")
        write = None if model is None else lambda folder: model.save_pretrained(folder / "model")
        self._trial.validation(self._choose(metrics), model=write)

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        found = get_last_checkpoint(args.output_dir)
        if found is not None:
            if self._folder.root != Path(found).parent:
                shutil.rmtree(self._folder.root, ignore_errors=True)
            self._folder.root, self._folder.name = Path(found).parent, Path(found).name
            self._trial.boundary()


def _whole(epoch: float) -> bool:
    return abs(epoch - round(epoch)) < 1e-9


def train(trial: Trial, trainer: Any, *, metrics: Choose = dict) -> Any:
    """`trainer.train()`, from where the attempt before was ended. `metrics` chooses from what an evaluation gives (`eval_loss`, …).

    Give the `Trainer` a local `output_dir`, `save_total_limit=1` and `save_strategy="no"`: Longhaul decides when it saves. The
    objective of the search is one of the metrics, such as `eval_loss`.
    """
    if trial.world > 1:
        raise UsageError(f"longhaul.transformers: expected one rank, found {trial.world}; write the loop, with trial.step, for several")
    folder = trial.keep(trainer=Folder())
    if folder.path is not None:  # the trainer looks for what it may remove beside its own
        target = Path(trainer.args.output_dir) / folder.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder.path, target)
        shutil.rmtree(folder.root, ignore_errors=True)
        folder.root = target.parent
    trainer.add_callback(Callback(trial, folder, metrics))
    return trainer.train(resume_from_checkpoint=folder.path)
