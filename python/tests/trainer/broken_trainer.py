"""The custom trainer of the examples, with the mistake that BROKEN names: what `longhaul trial check` must find."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

#: What a careless author writes instead.
MISTAKES = {
    "ignores SIGTERM": (
        "signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    ),
    "exits 0 on SIGTERM": ("raise SystemExit(143)", "raise SystemExit(0)"),
    "begins anew": ("if latest.exists():\n", "if False:\n"),
    "ignores the seed": ('random_state=trial["seed"]', "random_state=None"),
    "keeps no learning curve": ('record("validation", metrics=metrics)', "pass"),
    "wrong checksum": ('hashlib.sha256(data).hexdigest()}}, "attempt"', 'hashlib.sha256(b"").hexdigest()}}, "attempt"'),
    "no fencing": ('["attempt"] > attempt:', '["attempt"] > attempt + 9:'),
    "no result": ('put("result.json"', 'put("results.json"'),
    "READY before the model": ('put(f"exports/{step}/model.pkl", data)', "pass"),
    "crashes without data": ("SystemExit(66 if not parts", "SystemExit(1 if not parts"),
    "mixes two trainings": (' or state["inputs"] != inputs', ""),
    "writes NaN": ('metrics, data = {"validation_ndcg_at_10"', 'metrics, data = {"auc": float("nan"), "validation_ndcg_at_10"'),
    "lacks the objective": ('record("validation", metrics=metrics)', 'record("validation", metrics={"ndcg": 0.5})'),
    "another objective": ('"objective": ndcg', '"objective": ndcg + 1'),
    "leaves gaps": ('"n": len(old) + 1', '"n": len(old) * 2 + 1'),
}
#: What breaks nothing that every trainer needs.
SLIPS = {"does not decode URIs": ("from urllib.parse import unquote", "unquote = str")}


class SGDClassifier:
    """Stands for scikit-learn's, whose import is four fifths of such an attempt. Its seed decides where it begins."""

    def __init__(self, loss: str, alpha: float, random_state: int | None) -> None:
        self.alpha = alpha
        self._rng = np.random.default_rng(random_state)
        self.coef_ = self.intercept_ = np.zeros(0)

    def partial_fit(self, x: Any, labels: Any, classes: list[bool]) -> None:
        if self.coef_.size == 0:
            self.coef_, self.intercept_ = self._rng.normal(scale=0.01, size=(1, x.shape[1])), np.zeros(1)
        wrong = 1 / (1 + np.exp(-self.decision_function(x))) - labels
        self.coef_ = (1 - self.alpha) * self.coef_ - 0.01 * (wrong[:, None] * x).mean(axis=0)
        self.intercept_ = self.intercept_ - 0.01 * wrong.mean()

    def decision_function(self, x: Any) -> Any:
        return np.asarray(x) @ self.coef_[0] + self.intercept_[0]


def ndcg_score(labels: Any, scores: Any, k: int) -> float:
    def gain(order: Any) -> float:
        ranked = np.asarray(labels[0])[order][:k]
        return float((ranked / np.log2(np.arange(len(ranked)) + 2)).sum())

    return gain(np.argsort(-np.asarray(scores[0]), kind="stable")) / gain(np.argsort(-np.asarray(labels[0]), kind="stable"))


def stand_in(name: str, **content: object) -> None:
    module = ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


def source(mistake: str | None) -> str:
    text = (Path(__file__).parents[3] / "examples" / "custom-trainer" / "train.py").read_text()
    if mistake is None:
        return text
    good, bad = {**MISTAKES, **SLIPS}[mistake]
    assert text.count(good) == 1, f"{mistake}: the example has changed; mend this list"
    return text.replace(good, bad)


if __name__ == "__main__":
    stand_in("sklearn")
    stand_in("sklearn.linear_model", SGDClassifier=SGDClassifier)
    stand_in("sklearn.metrics", ndcg_score=ndcg_score)
    exec(compile(source(os.environ.get("BROKEN")), "train.py", "exec"))
