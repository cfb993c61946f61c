"""What each script says of its own scores; `evaluate` must find the same with the exported model."""

import numpy as np


def average_rank(scores, rows):
    """Mean place of the bought item, one a session; candidates of equal score share the places that they span."""
    scores, found, ends = np.asarray(scores, np.float64).reshape(-1), [], np.cumsum(rows.groups)
    for length, end in zip(rows.groups, ends, strict=True):
        session, bought = scores[end - length : end], int(np.argmax(rows.y[end - length : end]))
        found.append((session > session[bought]).sum() + ((session == session[bought]).sum() + 1) / 2)
    return {"validation_average_rank": float(np.mean(found))}
