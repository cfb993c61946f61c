"""What is not used is not imported with what is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from longhaul.scoring import by_name

#: In place of TensorFlow: says whether it found scikit-learn, as Keras does in it.
LOOKS = """
try:
    import sklearn
except ImportError:
    sklearn = None
"""


def test_a_saved_model_is_scored_without_scikit_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text(LOOKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("tensorflow", "sklearn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(AttributeError, match="config"):
        by_name._saved_model(tmp_path / "model", {}, (), 1)
    assert sys.modules["tensorflow"].sklearn is None
    # Whoever asks for it later gets it.
    assert "sklearn" not in sys.modules
