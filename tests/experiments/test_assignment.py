"""Assignment is a pure function that splits as the weights say and never moves a unit."""

import numpy as np
import pytest
import scipy.stats

from experiments.assignment import assign, position
from experiments.definition import Experiment

UNITS = [str(number) for number in range(10_000)]


def experiment(**changes: object) -> Experiment:
    values: dict[str, object] = {
        "key": "spring",
        "variants": {
            "champion": {"model": "champion", "weight": 2},
            "challenger": {"model": "recommender@2", "weight": 1},
        },
        "control": "champion",
        **changes,
    }
    return Experiment.model_validate(values)


@pytest.mark.parametrize(
    ("salt", "unit_id", "expected"),
    [
        ("spring", "12345", 0.02252092587086385),
        ("spring", "a/b", 0.1914984857344837),
        ("spring", "客户", 0.2582412620242739),
        ("summer", "12345", 0.616481982676143),
    ],
)
def test_places_are_those_of_the_first_release(salt: str, unit_id: str, expected: float) -> None:
    """Literals: another implementation would reassign the customers of running experiments."""
    assert position(salt, unit_id) == expected


def test_ten_thousand_ids_split_as_the_weights_say() -> None:
    names = [assign(experiment(), unit) for unit in UNITS]
    counts = [names.count("champion"), names.count("challenger")]
    assert sum(counts) == 10_000
    assert scipy.stats.chisquare(counts, [20_000 / 3, 10_000 / 3]).pvalue > 0.01


def test_the_same_id_lands_the_same_whatever_the_order_of_variants() -> None:
    turned = dict(reversed(experiment().variants.items()))
    again = experiment(variants=turned)
    assert list(again.variants) != list(experiment().variants)
    assert [assign(again, unit) for unit in UNITS] == [assign(experiment(), u) for u in UNITS]


def test_ramping_adds_units_and_moves_none() -> None:
    before = [assign(experiment(exposed_share=0.1), unit) for unit in UNITS]
    for share in (0.25, 0.5, 1.0):
        after = [assign(experiment(exposed_share=share), unit) for unit in UNITS]
        taken = [name is not None for name in after]
        assert abs(np.mean(taken) - share) < 0.02
        assert all(new == old for old, new in zip(before, after, strict=True) if old is not None)
        before = after


def test_the_share_is_independent_of_the_variant() -> None:
    """Otherwise an early ramp would hold one variant only."""
    names = [assign(experiment(exposed_share=0.2), unit) for unit in UNITS]
    counts = [names.count("champion"), names.count("challenger")]
    expected = [sum(counts) * 2 / 3, sum(counts) / 3]
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.01


def test_without_a_customer_there_is_no_assignment() -> None:
    assert assign(experiment(), None) is None


def test_two_salts_are_uncorrelated() -> None:
    first = np.array([position("spring", unit) for unit in UNITS])
    second = np.array([position("summer", unit) for unit in UNITS])
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert scipy.stats.kstest(first, "uniform").pvalue > 0.01
