"""Vocabularies of a model: product ids and the tokens of titles. Row 0 is for unknown names."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from training.data.inputs import IntArray

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[^\W_\u3400-\u9fff\uf900-\ufaff]+")


def tokens(text: str) -> list[str]:
    """Return the tokens of a title: words in lower case, Chinese in overlapping pairs.

    >>> tokens("RED Heart-shaped 红色茶杯 3L")
    ['red', 'heart', 'shaped', '红色', '色茶', '茶杯', '3l']
    >>> tokens("杯")
    ['杯']
    """
    result: list[str] = []
    for word in _WORD.findall(text.lower()):
        if "\u3400" <= word[0] <= "\ufaff" and len(word) > 1:
            result += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            result.append(word)
    return result


class Vocabulary:
    """The rows of names, from 1 in the given order; an unknown name has row 0.

    >>> Vocabulary(["a", "b"]).rows(["b", "x"])
    array([2, 0])
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._row = {name: row for row, name in enumerate(self.names, start=1)}
        if len(self._row) != len(self.names):
            raise ValueError(f"names: {len(self.names)} given, {len(self._row)} of them distinct")

    def __len__(self) -> int:
        """Return the number of rows, including row 0."""
        return len(self.names) + 1

    def rows(self, names: Iterable[str]) -> IntArray:
        """Return the row of each of `names`."""
        return np.array([self._row.get(name, 0) for name in names], dtype=np.int64)

    @classmethod
    def of_titles(cls, titles: Iterable[str], *, min_count: int) -> Self:
        """Return the vocabulary of the tokens in `min_count` or more of `titles`, sorted."""
        counts = Counter(token for title in titles for token in set(tokens(title)))
        return cls(sorted(token for token, count in counts.items() if count >= min_count))

    def bags(self, titles: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return the rows of all known tokens of `titles`, joined, and the start of each title.

        >>> Vocabulary(["red", "tea"]).bags(["RED tea red", "", "tea cup"])
        (array([1, 2, 1, 2]), array([0, 3, 3]))
        """
        rows = [[self._row[t] for t in tokens(title) if t in self._row] for title in titles]
        starts = np.cumsum([0, *(len(bag) for bag in rows)])[: len(titles)]
        return np.array([row for bag in rows for row in bag], dtype=np.int64), starts
