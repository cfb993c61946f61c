"""Shared by the scripts of the tests."""

import numpy as np

COLUMNS = ["price", "popularity"]


def ndcg(scores, rows):
    """Mean NDCG@10 over the sessions, ties broken by place; one item of each is bought."""
    found, ends = [], np.cumsum(rows.groups)
    for length, end in zip(rows.groups, ends, strict=True):
        bought = int(np.argmax(rows.y[end - length : end]))
        session = scores[end - length : end]
        rank = int((session > session[bought]).sum() + (session[:bought] == session[bought]).sum())
        found.append(1 / np.log2(rank + 2) if rank < 10 else 0.0)
    return float(np.mean(found))
