"""Losses against the formulas of their papers, metrics against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from longhaul.metrics import NDCG_AT, RankingMetrics, ranks_of_ordered

SESSIONS, SLOTS = 12, 9
TEMPERATURE = 0.1


def grid(seed: int, *, graded: bool = False, single: bool = False) -> tuple[Any, Any, Any]:
    """Scores, labels and mask; every session has an ordered item, one has nothing but that."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, SLOTS + 1, SESSIONS)
    lengths[0], lengths[1] = 1, SLOTS
    mask = np.arange(SLOTS) < lengths[:, None]
    labels = (rng.random((SESSIONS, SLOTS)) < (0 if single else 0.3)).astype(np.float32) * mask
    labels[np.arange(SESSIONS), rng.integers(0, lengths)] = 1
    if graded:
        labels *= rng.integers(1, 4, labels.shape)
    scores = rng.normal(size=labels.shape).astype(np.float32)
    return scores, labels.astype(np.float32), mask


def sessions_of(scores: Any, labels: Any, mask: Any) -> list[tuple[list[float], list[float]]]:
    return [
        (row[keep].astype(float).tolist(), label[keep].astype(float).tolist())
        for row, label, keep in zip(scores, labels, mask, strict=True)
    ]


def softmax(scores: list[float], labels: list[float]) -> float:
    total = math.log(sum(math.exp(score) for score in scores))
    return -sum(label / sum(labels) * (score - total) for score, label in zip(scores, labels, strict=True))


def pairwise(scores: list[float], labels: list[float]) -> float:
    pairs = [(i, j) for i in range(len(scores)) for j in range(len(scores)) if labels[i] > labels[j]]
    return sum(math.log1p(math.exp(scores[j] - scores[i])) for i, j in pairs) / len(pairs) if pairs else 0.0


def approx_ndcg(scores: list[float], labels: list[float]) -> float:
    def rank(i: int) -> float:
        return 1 + sum(1 / (1 + math.exp((scores[i] - scores[j]) / TEMPERATURE)) for j in range(len(scores)) if j != i)

    gained = sum(label / math.log2(1 + rank(i)) for i, label in enumerate(labels) if label)
    best = sum(label / math.log2(2 + place) for place, label in enumerate(sorted(labels, reverse=True)))
    return 1 - gained / best


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(("name", "reference"), [("softmax", softmax), ("pairwise_logistic", pairwise), ("approx_ndcg", approx_ndcg)])
def test_losses_are_those_of_the_papers(name: str, reference: Any, graded: bool) -> None:
    import tensorflow as tf

    from longhaul_trainer.model.losses import loss_named

    scores, labels, mask = grid(3, graded=graded)
    found = loss_named(name, TEMPERATURE)(tf.constant(scores), tf.constant(labels), tf.constant(mask)).numpy()
    expected = [reference(*session) for session in sessions_of(scores, labels, mask)]
    assert found == pytest.approx(expected, rel=2e-4, abs=2e-5)


@pytest.mark.parametrize("name", ["softmax", "pairwise_logistic", "approx_ndcg"])
def test_losses_do_not_see_padding_and_have_finite_gradients(name: str) -> None:
    import tensorflow as tf

    from longhaul_trainer.model.losses import loss_named, mean_loss

    scores, labels, mask = grid(4)
    labels[2] = 0  # a session without an ordered item teaches nothing
    wide = [np.pad(array, ((0, 0), (0, 5))) for array in (scores, labels, mask)]
    wide[0][~wide[2]] = 1e4
    loss = loss_named(name, TEMPERATURE)
    values = []
    for given in ((scores, labels, mask), wide):
        variable = tf.Variable(given[0])
        with tf.GradientTape() as tape:
            value = mean_loss(loss(variable, tf.constant(given[1]), tf.constant(given[2])), tf.constant(given[1]))
        gradient = tape.gradient(value, variable).numpy()
        assert np.isfinite(gradient).all()
        assert not gradient[~given[2]].any()
        assert not gradient[2].any()
        values.append(float(value))
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def measured(scores: Any, labels: Any, mask: Any) -> dict[str, Any]:
    metrics = RankingMetrics()
    metrics.add(scores, labels, mask)
    return dict(metrics.result())


@pytest.mark.parametrize("graded", [False, True])
def test_ndcg_is_that_of_scikit_learn(graded: bool) -> None:
    scores, labels, mask = grid(5, graded=graded)
    sessions = [(score, label) for score, label in sessions_of(scores, labels, mask) if len(score) > 1]
    expected = [ndcg_score([label], [score], k=NDCG_AT) for score, label in sessions]
    expected.append(1.0)  # one candidate, ordered: scikit-learn refuses to rank it
    assert measured(scores, labels, mask)["ndcg_at_10"] == pytest.approx(np.mean(expected))


def test_reciprocal_rank_is_scikit_learns_average_precision_of_one_item() -> None:
    scores, labels, mask = grid(6, single=True)
    expected = [label_ranking_average_precision_score([label], [score]) for score, label in sessions_of(scores, labels, mask)]
    assert measured(scores, labels, mask)["mrr"] == pytest.approx(np.mean(expected))


def test_average_rank_is_the_mean_place_of_the_ordered_items() -> None:
    scores, labels, mask = grid(7)
    expected = []
    for score, label in sessions_of(scores, labels, mask):
        order = sorted(range(len(score)), key=lambda index: -score[index])
        expected.append(np.mean([order.index(index) + 1 for index, value in enumerate(label) if value]))
    assert measured(scores, labels, mask)["average_rank"] == pytest.approx(np.mean(expected))


def test_sums_do_not_depend_on_how_sessions_are_batched() -> None:
    scores, labels, mask = grid(8)
    parts = RankingMetrics()
    for start in range(0, SESSIONS, 5):
        parts.add(scores[start : start + 5], labels[start : start + 5], mask[start : start + 5])
    assert parts.result() == pytest.approx(measured(scores, labels, mask))


def test_a_model_that_gives_one_score_to_all_ranks_at_random() -> None:
    """Wherever the ordered item stands; else a constant model would look perfect."""
    for place in (0, 50, 99):
        labels = np.zeros((4000, 100), np.float32)
        labels[:, place] = 1
        _, ranks = ranks_of_ordered(np.zeros_like(labels), labels, np.ones_like(labels, bool))
        assert ranks.min() >= 1 and ranks.max() <= 100
        assert ranks.mean() == pytest.approx(50.5, abs=2)


def test_sessions_without_an_order_count_nothing() -> None:
    scores, labels, mask = grid(9)
    before = measured(scores, labels, mask)
    empty = np.zeros_like(labels[:3])
    after = measured(np.vstack([scores, scores[:3]]), np.vstack([labels, empty]), np.vstack([mask, mask[:3]]))
    assert after == pytest.approx(before)
    assert measured(scores[:3], empty, mask[:3]) == {"ndcg_at_10": None, "mrr": None, "average_rank": None}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("share", [0.02, 1.0])
def test_a_model_with_a_score_that_is_no_number_has_no_metrics(bad: float, share: float) -> None:
    scores, labels, mask = grid(11)
    scores[np.random.default_rng(0).random(scores.shape) < share] = bad
    assert measured(scores, labels, mask) == {"ndcg_at_10": None, "mrr": None, "average_rank": None}


def test_what_lies_outside_the_sessions_may_be_anything() -> None:
    scores, labels, mask = grid(12)
    expected = measured(scores, labels, mask)
    scores[~mask] = np.nan
    assert measured(scores, labels, mask) == pytest.approx(expected)


def test_a_score_that_is_no_number_is_the_worst() -> None:
    scores = np.array([[np.nan, 0.1, -5.0], [np.nan, np.nan, np.nan], [0.3, np.nan, -np.inf]], np.float32)
    labels = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], np.float32)
    _, ranks = ranks_of_ordered(scores, labels, np.ones_like(labels, bool))
    assert ranks.tolist()[:4] == [3, 2, 3, 1]
    assert ranks[4] in (2, 3)
