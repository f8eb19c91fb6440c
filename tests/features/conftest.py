"""Two shops whose features are materialized."""

from pathlib import Path

import pandas as pd
import pytest

from features.materialize import materialize
from features.offline import OfflineFeatures
from features.workspace import Workspace
from tests.features.random_shop import random_lines
from tests.features.shop import AS_OF, customers, line, lines, products, workspace

EXTRA = (
    line("x1", "客/1", "p1", "2011-03-15 00:00:00.000001"),
    line("x2", "returns only", "p1", "2011-03-01", quantity=-1, kind="return"),
)


def shop(home: Path) -> Workspace:
    """Return a shop with random lines, an id with a slash and one customer without orders."""
    table = pd.concat([random_lines(seed=11, count=600), lines(*EXTRA)], ignore_index=True)
    return workspace(
        home,
        table,
        customers=customers(("no lines", "2011-03-01")),
        products=products(("p1", "2010-05-01", "Cup"), ("unsold", "2011-03-01", "Pot")),
    )


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> OfflineFeatures:
    """A shop materialized at AS_OF; tests only read it."""
    ws = shop(tmp_path_factory.mktemp("shop"))
    materialize(ws, AS_OF)
    return OfflineFeatures(ws)


@pytest.fixture
def own(tmp_path: Path) -> Workspace:
    """A small shop with two lines, materialized at AS_OF, for one test."""
    table = lines(line("o1", "A", "p", "2011-03-01"), line("o2", "B", "p", "2011-03-02"))
    ws = workspace(tmp_path / "own", table)
    materialize(ws, AS_OF)
    return ws
