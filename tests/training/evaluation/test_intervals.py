"""Intervals: paired, of the right width, over windows by customer; nobody has none."""

import numpy as np
import pytest

from training.evaluation.intervals import Sample, compare, mean_of_means, resample

IDS = np.array([f"c{number:03d}" for number in range(400)], dtype=object)


def _sample(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", start: int = 0) -> Sample:
    ids = IDS[start : start + len(values)]
    return Sample(customer_ids=ids, figures={"ndcg": values}, coverage=0.5)


def test_the_interval_surrounds_the_mean_and_follows_its_seed() -> None:
    lead = np.random.default_rng(0).normal(0.1, 1.0, 400)
    base = np.random.default_rng(1).normal(0.0, 9.0, 400)
    models = {"model": _sample(base + lead), "base": _sample(base)}
    found = compare([models], seed=1).leads["base"]["ndcg"]
    assert found == compare([models], seed=1).leads["base"]["ndcg"]
    assert found != compare([models], seed=2).leads["base"]["ndcg"]
    error = lead.std() / np.sqrt(400)  # of the difference: the base's own spread is paired away
    assert found.value == pytest.approx(lead.mean())
    assert found.low == pytest.approx(lead.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(lead.mean() + 1.96 * error, abs=0.15 * error)


def test_a_model_has_no_lead_over_its_like() -> None:
    values = np.linspace(0, 1, 50)
    found = compare([{"model": _sample(values), "same": _sample(values)}], seed=0)
    lead = found.leads["same"]["ndcg"]
    assert (lead.value, lead.low, lead.high) == (0, 0, 0)
    assert found.means["same"]["ndcg"].value == pytest.approx(1 / 2)
    assert (found.customers, found.coverage["same"]) == (50, 0.5)


def test_the_best_baseline_has_the_highest_figure() -> None:
    samples = [_sample(np.full(3, value)) for value in (0.1, 0.2, 0.4, 0.4)]
    found = compare([dict(zip("mabc", samples, strict=True))], seed=0)
    assert found.best("ndcg") == "b"
    assert compare([{"m": samples[0]}], seed=0).best("ndcg") is None


def test_several_windows_count_alike_whatever_their_size() -> None:
    small, large = _sample(np.array([1.0])), _sample(np.zeros(3))
    found = compare([{"m": small}, {"m": large}], seed=0)
    assert found.means["m"]["ndcg"].value == 1 / 2
    assert found.customers == 4


def test_a_customer_is_drawn_with_all_its_windows() -> None:
    values = np.random.default_rng(0).normal(0.0, 1.0, 200)
    once, twice = [{"m": _sample(values)}], [{"m": _sample(values)}, {"m": _sample(values)}]
    others = [{"m": _sample(values)}, {"m": _sample(values, start=200)}]

    def width(windows: list[dict[str, Sample]]) -> float:
        found = compare(windows, seed=0).means["m"]["ndcg"]
        return found.high - found.low

    assert width(twice) == pytest.approx(width(once))  # the same witnesses, heard twice
    assert width(others) == pytest.approx(width(once) / np.sqrt(2), rel=0.1)


def test_a_draw_without_a_window_rests_on_the_others() -> None:
    ids, figures = [IDS[:1], IDS[1:2]], [np.array([[0.0]]), np.array([[1.0]])]
    found = resample(ids, figures, rng=np.random.default_rng(0), width=1, draws=200)
    assert set(found.ravel()) == {0, 1 / 2, 1}


def test_nobody_has_no_figures() -> None:
    nobody = compare([{"m": _sample(np.zeros(0)), "b": _sample(np.zeros(0))}], seed=0)
    assert nobody.customers == 0
    assert np.isnan([nobody.means["m"]["ndcg"].value, nobody.leads["b"]["ndcg"].low]).all()
    assert np.isnan(mean_of_means([], width=2)).all()
    empty_window = [{"m": _sample(np.zeros(0))}, {"m": _sample(np.ones(2))}]
    assert compare(empty_window, seed=0).means["m"]["ndcg"].value == 1
