"""Suggests hyper-parameters: Optuna behind one stateless Temporal activity, ``ask``."""
