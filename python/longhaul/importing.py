"""Imports of which a good part is for what is not used here."""

from __future__ import annotations

import sys
from typing import Any


def import_tensorflow() -> Any:
    """
    The module. Keras looks for scikit-learn, for wrappers that neither the trainer nor a SavedModel uses: finding none saves a fifth of
    the import.
    """
    hidden = "sklearn" not in sys.modules
    if hidden:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import tensorflow as tf
    finally:
        if hidden:
            del sys.modules["sklearn"]
    return tf
