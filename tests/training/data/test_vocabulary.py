"""Words, Chinese pairs, and the row of the unknown."""

import pytest

from training.data.vocabulary import Vocabulary, tokens


def test_words_and_chinese_pairs() -> None:
    assert tokens("SET/6 RED-SPOTTY CUPS") == ["set", "6", "red", "spotty", "cups"]
    assert tokens("纯棉T恤 Größe 40") == ["纯棉", "t", "恤", "größe", "40"]
    assert tokens(" !? _") == []


def test_the_unknown_is_row_0_and_names_are_distinct() -> None:
    known = Vocabulary(["b", "a"])
    assert len(known) == 3
    assert known.rows(["a", "z", "b"]).tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="2 given, 1 of them distinct"):
        Vocabulary(["a", "a"])


def test_tokens_count_once_a_title() -> None:
    made = Vocabulary.of_titles(["tea tea tea", "red cup", "red tea"], min_count=2)
    assert made.names == ["red", "tea"]


def test_bags_of_empty_titles_are_empty() -> None:
    rows, starts = Vocabulary(["cup", "red"]).bags(["", "RED red cup", "blue", "cup"])
    assert rows.tolist() == [2, 2, 1, 1]
    assert starts.tolist() == [0, 0, 3, 3]
    rows, starts = Vocabulary([]).bags([])
    assert rows.tolist() == starts.tolist() == []
