"""Figures of churn probabilities, against fractions computed by hand and an outside oracle."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from training.evaluation.churn_metrics import auc, brier, calibration_error, churn_metrics, top_lift


def test_auc_counts_pairs_and_halves_ties() -> None:
    labels = np.array([1, 0, 1, 0])
    # Pairs (positive, negative): .8>.6, .8>.1 right, .6=.6 half, .6>.1 right.
    assert auc(labels, np.array([0.8, 0.6, 0.6, 0.1])) == 3.5 / 4
    assert auc(labels, np.zeros(4)) == 0.5
    assert np.isnan(auc(np.ones(3), np.arange(3)))
    assert np.isnan(auc(np.array([]), np.array([])))


def test_brier_is_the_mean_squared_distance() -> None:
    assert brier(np.array([1, 0, 1]), np.array([0.5, 0.5, 1.0])) == pytest.approx(
        (1 / 4 + 1 / 4) / 3
    )
    assert np.isnan(brier(np.array([]), np.array([])))


def test_calibration_error_weighs_each_bin_by_its_customers() -> None:
    labels = np.array([0, 1, 1, 1])
    probabilities = np.array([0.1, 0.15, 0.5, 1.0])
    # Bin 1: mean .125 against 1/2, two of four; bin 5: .5 against 1; the last bin: 1 against 1.
    expected = 2 / 4 * (1 / 2 - 0.125) + 1 / 4 * 0.5 + 0
    assert calibration_error(labels, probabilities) == pytest.approx(expected)
    assert np.isnan(calibration_error(np.array([]), np.array([])))


def test_lift_reads_the_top_tenth() -> None:
    labels = np.array([1] + [0] * 8 + [1])
    assert top_lift(labels, np.linspace(1, 0, 10)) == 1 / (2 / 10)
    assert np.isnan(top_lift(labels[:9], np.linspace(1, 0, 9)))
    assert np.isnan(top_lift(np.zeros(10), np.linspace(1, 0, 10)))


def test_all_figures_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    probabilities = rng.random(500).round(2)
    labels = (rng.random(500) < probabilities).astype(int)
    figures = churn_metrics(labels, probabilities)
    assert figures["auc"] == pytest.approx(roc_auc_score(labels, probabilities))
    assert figures["brier"] == pytest.approx(brier_score_loss(labels, probabilities))
    assert figures["churn_rate"] == labels.mean()
    assert figures["customers"] == 500


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"labels \(2,\) and probabilities \(1,\) differ"):
        churn_metrics(np.zeros(2), np.zeros(1))


def test_nobody_has_no_figures() -> None:
    figures = churn_metrics(np.array([]), np.array([]))
    assert figures.pop("customers") == 0
    assert all(np.isnan(value) for value in figures.values())
