"""The custom trainer of the examples with one mistake, chosen by BROKEN: what `longhaul trial check` must find."""

from __future__ import annotations

import os
from pathlib import Path

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


def source(mistake: str) -> str:
    text = (Path(__file__).parents[3] / "examples" / "custom-trainer" / "train.py").read_text()
    good, bad = MISTAKES[mistake]
    assert text.count(good) == 1, f"{mistake}: the example has changed; mend this list"
    return text.replace(good, bad)


if __name__ == "__main__":
    exec(compile(source(os.environ["BROKEN"]), "train.py", "exec"))
