"""Losses over a padded grid of scores [session, slot]; each returns one value per session.

Sessions without an ordered item teach nothing and are left out of the mean (`mean_loss`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

#: scores, labels, mask (all [session, slot]) → [session]
Loss = Callable[[Any, Any, Any], Any]

#: Stands for minus infinity where a true one would make gradients NaN.
FAR_BELOW = -1e9


def loss_named(name: str, temperature: float) -> Loss:
    if name == "softmax":
        return softmax
    if name == "pairwise_logistic":
        return pairwise_logistic
    return lambda scores, labels, mask: approx_ndcg(scores, labels, mask, temperature)


def mean_loss(values: Any, labels: Any) -> Any:
    """Mean over the sessions that have an ordered item."""
    counted = tf.cast(tf.reduce_any(labels > 0, axis=1), tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(values * counted), tf.reduce_sum(counted))


def softmax(scores: Any, labels: Any, mask: Any) -> Any:
    """Cross entropy between the labels, as shares, and the softmax of the scores (ListNet, Cao et al. 2007)."""
    logits = tf.where(mask, scores, FAR_BELOW)
    shares = tf.math.divide_no_nan(labels, tf.reduce_sum(labels, axis=1, keepdims=True))
    return -tf.reduce_sum(shares * tf.nn.log_softmax(logits, axis=1), axis=1)


def pairwise_logistic(scores: Any, labels: Any, mask: Any) -> Any:
    """Mean of log(1 + exp(s_j − s_i)) over pairs in which i was ordered more than j (RankNet, Burges et al. 2005)."""
    cells, others, valid, count = _against_all(scores, labels, mask)
    lower = tf.cast(valid & (others[1] < tf.gather_nd(labels, cells)[:, None]), tf.float32)
    losses = tf.reduce_sum(tf.nn.softplus(others[0] - tf.gather_nd(scores, cells)[:, None]) * lower, axis=1)
    sums = tf.math.unsorted_segment_sum(losses, cells[:, 0], count)
    pairs = tf.math.unsorted_segment_sum(tf.reduce_sum(lower, axis=1), cells[:, 0], count)
    return tf.math.divide_no_nan(sums, pairs)


def approx_ndcg(scores: Any, labels: Any, mask: Any, temperature: float) -> Any:
    """1 − NDCG with ranks made smooth by sigmoids (Qin, Liu, Li 2010)."""
    cells, others, valid, count = _against_all(scores, labels, mask)
    own = tf.gather_nd(scores, cells)
    above = tf.sigmoid((others[0] - own[:, None]) / temperature) * tf.cast(valid, tf.float32)
    ranks = 0.5 + tf.reduce_sum(above, axis=1)  # the item itself adds sigmoid(0) = ½
    gains = tf.gather_nd(labels, cells) * tf.math.log(2.0) / tf.math.log1p(ranks)
    gained = tf.math.unsorted_segment_sum(gains, cells[:, 0], count)
    ideal = tf.sort(labels, axis=1, direction="DESCENDING")
    places = tf.range(1, tf.shape(labels)[1] + 1, dtype=tf.float32)
    best = tf.reduce_sum(ideal * tf.math.log(2.0) / tf.math.log1p(places), axis=1)
    return 1.0 - tf.math.divide_no_nan(gained, best)


def _against_all(scores: Any, labels: Any, mask: Any) -> tuple[Any, tuple[Any, Any], Any, Any]:
    """Each ordered item beside all candidates of its session: [ordered, slot], never [slot, slot]."""
    cells = tf.where(labels > 0)
    sessions = cells[:, 0]
    return (
        cells,
        (tf.gather(scores, sessions), tf.gather(labels, sessions)),
        tf.gather(mask, sessions),
        tf.shape(scores, out_type=tf.int64)[0],
    )
