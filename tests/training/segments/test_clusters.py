"""Clusters of customers: three kinds that are found again, figures by hand, no future."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.tables import PinnedTables
from tests.training.segments.tiny_shop import DAY, NOW, Line, make
from training.errors import NotEnoughData
from training.segments.clusters import INPUTS, Clusters, ClustersConfig, clusters, names_of

MONTH = 30 * DAY


def three_kinds() -> list[Line]:
    """Twelve customers of each kind: weekly and cheap, one dear order, two orders long ago."""
    lines = []
    for number in range(12):
        weekly = range(3 + number % 4, 330, 7)
        lines += [Line(f"weekly-{number:02}", days, unit_price=5 + number) for days in weekly]
        lines.append(Line(f"dear-{number:02}", 40 + number, unit_price=900 + 10 * number))
        lines += [Line(f"away-{number:02}", 250 + number + gap, unit_price=20) for gap in (0, 9)]
    return lines


def found_at(home: Path, lines: list[Line], **settings: int) -> Clusters:
    tables = PinnedTables(make(home, lines))
    return clusters(tables, ClustersConfig(**settings), as_of=NOW, before=NOW - MONTH)


def kinds(found: Clusters) -> pd.DataFrame:
    kind = found.customers["customer_id"].str.split("-").str[0]
    return found.customers.assign(kind=kind)


def test_three_kinds_are_three_clusters(tmp_path: Path) -> None:
    found = found_at(tmp_path / "shop", three_kinds())
    assert max(found.silhouettes, key=lambda k: found.silhouettes[k]) == 3
    assert list(found.silhouettes) == [3, 4, 5, 6, 7, 8]
    rows = kinds(found)
    assert rows.groupby("kind")["cluster"].nunique().eq(1).all()
    assert [cluster.size for cluster in found.clusters] == [12, 12, 12]
    by_kind = rows.groupby("kind")["cluster"].first()
    by_name = {cluster.name: cluster for cluster in found.clusters}
    dear, away = by_name[by_kind["dear"]], by_name[by_kind["away"]]
    # By hand: 40 to 51 days, one order of 900 to 1,010, a gap of 365; 250 to 261 days, two of 20.
    assert dear.means == pytest.approx(
        {
            "days_since_last_order": 45.5, "orders_365d": 1, "spend_365d": 955,
            "days_between_orders": 365, "lateness": 45.5 / 365,
        }
    )  # fmt: skip
    assert away.means == pytest.approx(
        {
            "days_since_last_order": 255.5, "orders_365d": 2, "spend_365d": 40,
            "days_between_orders": 9, "lateness": 255.5 / 9,
        }
    )  # fmt: skip
    for name in INPUTS:  # twelve of each: the z-scores of all customers add up to 0
        assert sum(each.z_scores[name] for each in found.clusters) == pytest.approx(0, abs=1e-9)
    assert all(
        each.name.count(",") == 1 and np.abs([*each.z_scores.values()]).max() > 1
        for each in found.clusters
    )
    # A month before, the dear ones were 10 to 21 days away, and the others as they are.
    assert found.stability == found.stayed == 1.0


def test_nothing_from_the_future_counts(tmp_path: Path) -> None:
    later = [Line("new", 2, late=3), Line("weekly-01", 1, unit_price=9999, late=2)]
    plain = found_at(tmp_path / "plain", three_kinds())
    other = found_at(tmp_path / "other", three_kinds() + later)
    pd.testing.assert_frame_equal(plain.customers, other.customers)
    assert plain.silhouettes == other.silhouettes


def test_customers_who_move_lower_what_stayed_and_not_the_stability(tmp_path: Path) -> None:
    """Half of those who were away come back in the last month as the dear ones are."""
    back = [Line(f"away-{number:02}", 5 + number, unit_price=900) for number in range(6)]
    found = found_at(tmp_path / "shop", three_kinds() + back, fewest=3, most=3)
    assert found.stayed < 0.9
    assert found.stayed < found.stability


def test_too_few_customers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="1 different customers; 8 clusters need more"):
        found_at(tmp_path / "shop", [Line(f"c{number}", 100) for number in range(20)])


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="fewest = 5 is more than most = 4"):
        ClustersConfig(fewest=5, most=4)


def test_names_are_different_even_of_equal_clusters() -> None:
    scores = [np.array([2.0, 1.0, 0.5, 0.1, 0.0]), np.array([2.0, 1.0, -0.5, 0.1, 0.0])]
    assert names_of(scores) == [
        "many days since the last order, many orders of a year, much spend of a year",
        "many days since the last order, many orders of a year, little spend of a year",
    ]
    names = names_of([scores[0], scores[0], scores[1]])
    assert all(first != second for first, second in pairwise(sorted(names)))
