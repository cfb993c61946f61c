"""LightGBM and XGBoost: trees grown some rounds at a time, each time from the saved model and with random numbers of its own.

What a library holds in memory while it boosts (scores, random states) is not in the model that it saves. Growing from the
saved model each time makes a resumed training equal to one that was not disturbed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .script import Trial

#: LightGBM's seeds that may change between rounds; that of the bins may not.
LIGHTGBM_SEEDS = ("bagging_seed", "feature_fraction_seed", "extra_seed", "drop_seed", "objective_seed")


def seed_of(seed: int, rounds: int) -> int:
    """A function of the trial's seed and of the rounds that are done, below 2³¹."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{rounds}".encode()).digest()[:4], "little") >> 1


class _Boosted:
    """`rounds` so many trees (of each class) have been grown."""

    def __init__(self, trial: Trial, parameters: Mapping[str, Any]) -> None:
        self.rounds = 0
        self._seed = trial.seed
        self._parameters = dict(parameters)


class LightGBM(_Boosted):
    """`model = trial.keep(model=LightGBM(trial, {"objective": "binary"}, dataset))`, then `model.grow(10)` in each batch.

    `dataset` is a `lightgbm.Dataset` with `free_raw_data=False`, such as `trial.data("train").lightgbm()`. Each `grow`
    scores the data with the trees so far, so grow at least a hundredth of all rounds at once.
    """

    def __init__(self, trial: Trial, parameters: Mapping[str, Any], dataset: Any) -> None:
        super().__init__(trial, parameters)
        self._dataset = dataset
        self._threads = trial.threads
        self._text = ""

    @property
    def booster(self) -> Any:
        """The `lightgbm.Booster` of now."""
        import lightgbm

        return lightgbm.Booster(model_str=self._text)

    def grow(self, rounds: int) -> None:
        import lightgbm

        seed = seed_of(self._seed, self.rounds)
        fixed = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "num_threads": self._threads, "seed": self._seed}
        parameters = {**fixed, **self._parameters, **dict.fromkeys(LIGHTGBM_SEEDS, seed)}
        before = self.booster if self._text else None
        self._text = lightgbm.train(parameters, self._dataset, rounds, init_model=before).model_to_string()
        self.rounds += rounds

    def predict(self, x: Any, **more: Any) -> Any:
        return self.booster.predict(x, num_threads=self._threads, **more)

    def save(self, folder: Path) -> None:
        """For `trial.validation(…, model=model.save)`."""
        (folder / "model.txt").write_text(self._text, encoding="utf-8")

    def state_dict(self) -> dict[str, Any]:
        return {"rounds": self.rounds, "text": self._text}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rounds, self._text = state["rounds"], state["text"]


class XGBoost(_Boosted):
    """The same for XGBoost; `data` is an `xgboost.DMatrix`."""

    def __init__(self, trial: Trial, parameters: Mapping[str, Any], data: Any) -> None:
        super().__init__(trial, parameters)
        self._data = data
        self._threads = trial.threads
        self._raw = b""

    @property
    def booster(self) -> Any:
        """The `xgboost.Booster` of now."""
        import xgboost

        return xgboost.Booster({"nthread": self._threads}, model_file=bytearray(self._raw))

    def grow(self, rounds: int) -> None:
        import xgboost

        parameters = {"nthread": self._threads, "verbosity": 0, **self._parameters, "seed": seed_of(self._seed, self.rounds)}
        before = self.booster if self._raw else None
        self._raw = bytes(xgboost.train(parameters, self._data, rounds, xgb_model=before).save_raw("ubj"))
        self.rounds += rounds

    def predict(self, data: Any, **more: Any) -> Any:
        return self.booster.predict(data, **more)

    def save(self, folder: Path) -> None:
        """For `trial.validation(…, model=model.save)`."""
        (folder / "model.ubj").write_bytes(self._raw)

    def state_dict(self) -> dict[str, Any]:
        return {"rounds": self.rounds, "raw": self._raw}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rounds, self._raw = state["rounds"], state["raw"]


# How `evaluate` scores with what they save.
LightGBM.save.scorer = {"kind": "lightgbm", "file": "model.txt"}  # type: ignore[attr-defined]
XGBoost.save.scorer = {"kind": "xgboost", "file": "model.ubj"}  # type: ignore[attr-defined]
