"""Likeness by hand and by scikit-learn, MMR by its definition."""

import numpy as np
import pytest

from training.data.content import content_vectors, likeness
from training.data.inputs import FloatArray, Products
from training.lists.diversity import mmr


def products(titles: list[str], categories: list[str]) -> Products:
    return Products(
        product_ids=np.array([f"p{i}" for i in range(len(titles))], dtype=object),
        at=np.datetime64("2011-01-01", "us"),
        features=np.zeros((len(titles), 1), dtype=np.float32),
        titles=titles,
        categories=categories,
    )


def test_a_token_of_every_title_weighs_least() -> None:
    """Of two titles "red" is in both (weight 1), "tea" in one (weight w = 1 + log(3 / 2))."""
    found = likeness(content_vectors(products(["RED tea", "red cup"], ["", ""])), np.arange(2))
    own = 1 + np.log(3 / 2)
    np.testing.assert_allclose(found, [[1, c := 1 / (1 + own**2)], [c, 1]], atol=1e-6)


def test_without_any_text_nothing_is_alike() -> None:
    assert likeness(content_vectors(products(["", "!"], ["", ""])), np.arange(2)).sum() == 0
    assert content_vectors(products([], [])).shape[0] == 0


def test_a_category_weighs_as_much_as_the_title() -> None:
    shown = products(
        ["red tea", "RED tea", "blue cup", "", "red tea", ""], ["a", "b", "a", "a", "", ""]
    )
    found = likeness(content_vectors(shown), np.arange(6))
    title_alone = category_alone = 1 / 2
    one_side = 1 / np.sqrt(2)
    expected = [1, title_alone, category_alone, one_side, one_side, 0]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    np.testing.assert_allclose(np.diag(found), [1, 1, 1, 1, 1, 0], atol=1e-6)


def by_definition(relevance: FloatArray, alike: FloatArray, k: int, diversity: float) -> list[int]:
    scaled = (relevance - relevance.min()) / (relevance.max() - relevance.min())
    chosen: list[int] = []
    while len(chosen) < k:
        left = [place for place in range(len(relevance)) if place not in chosen]
        value = {
            place: (1 - diversity) * scaled[place]
            - diversity * max((alike[place, other] for other in chosen), default=0)
            for place in left
        }
        chosen.append(max(left, key=lambda place: (value[place], -place)))
    return chosen


@pytest.mark.parametrize("diversity", [0, 0.3, 0.7, 1])
def test_mmr_by_its_definition(diversity: float) -> None:
    rng = np.random.default_rng(3)
    relevance = -np.sort(-rng.normal(size=(5, 30)), axis=1).astype(np.float32)
    vectors = rng.normal(size=(5, 30, 4))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    alike = (vectors @ vectors.transpose(0, 2, 1)).astype(np.float32)  # some below 0
    found = mmr(relevance, alike, k=10, diversity=diversity)
    assert found.tolist() == [
        by_definition(relevance[row], alike[row], 10, diversity) for row in range(5)
    ]


def test_mmr_takes_no_more_than_there_is() -> None:
    alike = np.ones((2, 3, 3), dtype=np.float32)
    relevance = np.array([[2, 1, -np.inf], [-np.inf] * 3], dtype=np.float32)
    assert mmr(relevance, alike, k=5, diversity=0.5).tolist() == [[0, 1, -1], [-1, -1, -1]]
    assert mmr(relevance[:, :0], alike[:, :0, :0], k=5, diversity=0.5).shape == (2, 0)
