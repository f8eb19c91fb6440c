"""Lookalikes: who bought alike comes first, the future does not count, seeds are checked."""

import numpy as np
import pandas as pd
import pytest

from configs.duck import connect
from tests.training.segments.tiny_shop import DAY, NOW, Line, order_lines, tastes
from training.segments.audiences import SmallAudience, audience
from training.segments.membership import SegmentError
from training.segments.vectors import (
    CustomerVectors,
    LookalikeConfig,
    customer_vectors,
    directions,
    lookalike,
    put_vectors,
    stored_vectors,
)

CONFIG = LookalikeConfig(dimensions=3)
TASTES = tastes(8)


def vectors(lines: list[Line], at: pd.Timestamp = NOW) -> CustomerVectors:
    con = connect()
    con.register("frame", order_lines(lines))
    con.execute("CREATE TABLE order_lines AS FROM frame")
    return customer_vectors(con, CONFIG, at=at)


def test_those_of_the_same_taste_come_first() -> None:
    found = vectors(TASTES)
    best = lookalike(found, ["drink0", "drink1", "unknown"], shrinkage=1)
    assert set(best.customer_id[:6]) == {f"drink{at}" for at in range(2, 8)}
    assert best.score.is_monotonic_decreasing
    assert not {"drink0", "drink1"} & set(best.customer_id)
    assert len(best) == 14


def test_what_came_later_changes_nothing() -> None:
    late = [Line(f"drink{at}", days=1, product_id="cook-0", late=2) for at in range(8)]
    future = [Line("cook1", days=-1, product_id="drink-0")]
    before, after = vectors(TASTES), vectors([*TASTES, *late, *future])
    assert before.customer_ids.tolist() == after.customer_ids.tolist()
    np.testing.assert_allclose(np.abs(before.vectors), np.abs(after.vectors), atol=1e-9)
    later = vectors([*TASTES, *late], at=NOW + 3 * DAY)
    assert not np.allclose(np.abs(before.vectors), np.abs(later.vectors))


def test_the_direction_solves_the_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    inputs, members = rng.normal(size=(30, 3)), rng.integers(0, 2, (30, 2)).astype(float)
    scores = directions(inputs, members, shrinkage=0.5)
    centred, mean = inputs - inputs.mean(axis=0), members.mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred + 15 * np.eye(3))
    expected = centred @ inverse @ centred.T @ (members - mean) + mean
    np.testing.assert_allclose(scores, expected)


def test_what_has_no_answer() -> None:
    with pytest.raises(SegmentError, match="none of its customers has a vector"):
        lookalike(vectors(TASTES), ["nobody"], shrinkage=1)
    with pytest.raises(ValueError, match="not one text"):
        lookalike(vectors(TASTES), "drink0", shrinkage=1)
    few = vectors([Line("a", 3), Line("b", 3)])
    with pytest.raises(SegmentError, match="three customers and three products"):
        lookalike(few, ["a"], shrinkage=1)


def test_an_audience_is_without_seed_and_opt_outs_and_never_small() -> None:
    found, seed = vectors(TASTES), ["drink0", "drink1", "unknown"]
    ranked = audience(found, seed, size=14, opt_outs=(), smallest=2).customer_id.tolist()
    outs = {ranked[0], ranked[3], "unknown"}
    taken = audience(found, seed, size=5, opt_outs=outs, smallest=2).customer_id.tolist()
    assert taken == [name for name in ranked if name not in outs][:5]
    with pytest.raises(SegmentError, match="the seed has 2 of the at least 3"):
        audience(found, [*seed, "drink0"], size=5, opt_outs=(), smallest=3)
    with pytest.raises(SmallAudience, match="a size of 1 is below the smallest audience, 2"):
        audience(found, seed, size=1, opt_outs=(), smallest=2)
    with pytest.raises(SmallAudience, match="fewer than 2 customers without those who opted out"):
        audience(found, seed, size=5, opt_outs=ranked[1:], smallest=2)


def test_stored_vectors_are_those_that_were_put() -> None:
    con = connect()
    for found in (vectors(TASTES), vectors([])):
        put_vectors(con, found)
        stored = stored_vectors(con)
        assert stored.customer_ids.tolist() == found.customer_ids.tolist()
        np.testing.assert_allclose(stored.vectors, found.vectors, rtol=1e-6)
    with pytest.raises(SegmentError, match="the seed has 0 of"):
        audience(stored, ["drink0"], size=5, opt_outs=(), smallest=1)
