"""Outcomes from exposures and order lines, and the analysis of a whole experiment, by hand."""

import pandas as pd
import pytest

from experiments.analysis import analyze, timeline
from experiments.outcomes import outcomes
from tests.experiments.spring_orders import AS_OF, SPRING, START, lines


def exposures(*rows: tuple[str | None, str, float], key: str = "spring") -> pd.DataFrame:
    """Rows of (unit, variant, days after the start)."""
    units, variants, days = zip(*rows, strict=True) if rows else ((), (), ())
    times = [START + pd.Timedelta(days=day) for day in days]
    return pd.DataFrame(
        {
            "experiment": key,
            "unit_id": pd.Series(units, dtype=object),
            "variant": pd.Series(variants, dtype=object),
            "exposed_timestamp": pd.Series(times, dtype="datetime64[us, UTC]"),
        }
    )


def test_a_unit_counts_once_and_only_what_follows_its_first_exposure() -> None:
    seen = exposures(("a", "old", 0), ("a", "old", 3), ("b", "new", 1), (None, "new", 1))
    bought = lines(
        ("a", -40, "sale", 1, 1000),  # before the covariate's days
        ("a", -2, "sale", 2, 10),
        ("a", 0, "sale", 1, 5),  # at the very exposure
        ("a", 6.9, "fee", 1, 2),
        ("a", 7, "sale", 1, 100),  # the window is over, whatever the second exposure
        ("a", 5, "return", -1, 3),
        ("b", 0.5, "sale", 1, 50),  # before b's exposure
        ("b", 2, "adjustment", 1, 50),
        ("b", 2, "sale", 1, 0),  # free
        ("c", 2, "sale", 1, 50),  # never exposed
        (None, 2, "sale", 1, 50),  # a guest
    )
    found = outcomes(SPRING, seen, bought, as_of=AS_OF)
    assert found.units[
        ["unit_id", "variant", "conversion", "revenue", "spend_before"]
    ].to_numpy().tolist() == [["a", "old", 1.0, 5 + 2 - 3, 20.0], ["b", "new", 0.0, 0.0, 50.0]]
    assert list(found.units["first_exposure"]) == [START, START + pd.Timedelta(days=1)]
    assert (found.exposed, found.waiting, found.crossed) == ({"new": 1, "old": 1}, 0, 0)


def test_units_that_saw_two_variants_are_counted_and_left_out() -> None:
    seen = exposures(("a", "old", 0), ("a", "new", 1), ("b", "new", 0))
    found = outcomes(SPRING, seen, lines(), as_of=AS_OF)
    assert list(found.units["unit_id"]) == ["b"]
    assert (found.exposed, found.crossed) == ({"new": 1, "old": 1}, 1)


def test_units_wait_until_their_window_is_over() -> None:
    seen = exposures(("early", "old", 0), ("late", "new", 23.1), ("future", "new", 31))
    found = outcomes(SPRING, seen, lines(("late", 24, "sale", 1, 9)), as_of=AS_OF)
    assert list(found.units["unit_id"]) == ["early"]
    assert (found.exposed, found.waiting) == ({"new": 1, "old": 1}, 1)


def test_lines_recorded_after_the_look_are_not_known_then() -> None:
    """A late line counts at later looks only, in its day's window and in the timeline alike."""
    seen = exposures(*[(f"u{n}", ("old", "new")[n % 2], 0) for n in range(4)])
    late = lines(("u0", 1, "sale", 1, 5), ("u1", 2, "sale", 1, 7))
    recorded = late["recorded_timestamp"].where(late["customer_id"] != "u1", AS_OF)
    late = late.assign(recorded_timestamp=recorded)
    before = outcomes(SPRING, seen, late, as_of=AS_OF).units
    assert dict(zip(before["unit_id"], before["revenue"], strict=True)) == {
        "u0": 5.0,
        "u1": 0.0,
        "u2": 0.0,
        "u3": 0.0,
    }
    after = AS_OF + pd.Timedelta(microseconds=1)
    assert outcomes(SPRING, seen, late, as_of=after).units["revenue"].sum() == 12
    looks = timeline(SPRING, seen, late, as_of=after, looks=2)
    assert [look.means["new"]["revenue"] for look in looks] == [0.0, 3.5]


def test_other_experiments_do_not_count() -> None:
    seen = pd.concat([exposures(("a", "old", 0), key="summer"), exposures(("b", "new", 0))])
    found = outcomes(SPRING, seen, lines(), as_of=AS_OF)
    assert list(found.units["unit_id"]) == ["b"]


def test_no_exposures_make_an_empty_analysis() -> None:
    found = analyze(SPRING, exposures(), lines(), as_of=AS_OF)
    assert (found.units, found.means, found.effects) == ({"new": 0, "old": 0}, {}, ())
    assert found.sample_ratio.ok
    assert timeline(SPRING, exposures(), lines(), as_of=AS_OF) == []


def test_an_experiment_by_hand() -> None:
    """Control: 1 of 4 buys for 8. Treatment: 2 of 4 buy for 8 and 4. No past spend."""
    seen = exposures(
        *[(f"o{n}", "old", 0) for n in range(4)], *[(f"n{n}", "new", 0) for n in range(4)]
    )
    bought = lines(("o0", 1, "sale", 2, 4), ("n0", 1, "sale", 1, 8), ("n1", 2, "sale", 4, 1))
    found = analyze(SPRING, seen, bought, as_of=AS_OF)
    assert found.units == {"new": 4, "old": 4}
    assert found.sample_ratio.pvalue == 1.0
    assert found.means == {
        "new": {"conversion": 2 / 4, "revenue": 12 / 4},
        "old": {"conversion": 1 / 4, "revenue": 8 / 4},
    }
    conversion, revenue = found.effects
    assert (conversion.metric, conversion.variant) == ("conversion", "new")
    assert (conversion.effect_size, conversion.rel_effect_size) == (1 / 4, 1.0)
    assert (revenue.effect_size, revenue.rel_effect_size) == (1.0, 1 / 2)
    assert revenue.variance_removed == 0


def test_past_spend_is_taken_out() -> None:
    """Revenue is past spend plus 1 in the treatment: CUPED leaves the 1, plus what luck gave."""
    units = [(f"{side}{n}", side, 0.0) for side in ("old", "new") for n in range(50)]
    before = {unit: 10.0 * (n % 5) for n, (unit, _, _) in enumerate(units)}
    bought = lines(
        *((unit, -1.0, "sale", 1.0, before[unit]) for unit in before),
        *((u, 1.0, "sale", 1.0, before[u] + 1 + (u.startswith("new"))) for u in before),
    )
    _, revenue = analyze(SPRING, exposures(*units), bought, as_of=AS_OF).effects
    assert revenue.effect_size == pytest.approx(1)
    assert revenue.variance_removed > 0.99


def test_the_timeline_ends_with_the_analysis() -> None:
    seen = exposures(*[(f"u{n}", ("old", "new")[n % 2], n / 4) for n in range(40)])
    bought = lines(*[(f"u{n}", n / 4 + 1, "sale", 1, 5) for n in range(0, 40, 3)])
    looks = timeline(SPRING, seen, bought, as_of=AS_OF, looks=5)
    assert len(looks) == 5
    assert looks[-1] == analyze(SPRING, seen, bought, as_of=AS_OF)
    totals = [sum(look.units.values()) for look in looks]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1] == 40
