"""What can be told from trial.json and the manifests alone, before TensorFlow is loaded and the trial is claimed."""

from __future__ import annotations

from longhaul.data.manifest import Manifest
from longhaul.document import warn
from longhaul.errors import ConfigError, UsageError

from .trial import Trial

METRICS = ("loss", "validation_loss", "validation_ndcg_at_10", "validation_mrr", "validation_average_rank")


def check_sessions(trial: Trial, manifest: Manifest) -> None:
    """In the flat layout a session that is cut between two parts would be trained on as two."""
    layout = trial.layout
    if layout.candidates is not None or len(manifest.parts) == 1:
        return
    if manifest.session is None:
        warn(f"{manifest.uri}: the export does not say that sessions are whole; export it again with session: {layout.session}")
    elif manifest.session != layout.session:
        raise ConfigError(
            f"{manifest.uri}: parts were made so that {manifest.session} stays whole, the feature table's session is {layout.session}; "
            f"export it with session: {layout.session}"
        )


def check_metric(trial: Trial) -> None:
    known = METRICS if "validation" in trial.data else METRICS[:1]
    if trial.metric not in known:
        reason = "" if "validation" in trial.data else " (there is no data set named validation)"
        raise UsageError(f"objective.metric: expected {' or '.join(known)}{reason}, found {trial.metric!r}")
