"""Trees that LightGBM grew, read from its text and evaluated without it, many rows at once.

Every node strikes out leaves of all rows at once, instead of each row walking from node to node
(as QuickScorer does; Lucchese et al., 2015): nothing waits for a branch.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from configs.compiled import compiled
from training.inputs import FloatArray, IntArray

WORD_LEAVES: Final = 31
"""Leaves in a word of 32 bits, from its second bit on: no bit is no leaf."""
_ONES: Final = 2**32 - 1
_DE_BRUIJN: Final = 0x077CB531
"""Times a power of 2, modulo 2**32: the five highest bits tell which power."""
_ROWS: Final = 256  # at a time: their words stay in the nearest cache
_STEP: Final = 64  # rows of which a node strikes out leaves without looking up

Words = npt.NDArray[np.uint32]


class Forest(NamedTuple):
    """N nodes for W words of leaves; a tree of more than WORD_LEAVES leaves has several words."""

    leaves: Words  # (W,) the leaves that there are
    starts: IntArray  # (W + 1,) where each word's nodes begin, parents before children
    inputs: IntArray  # (N,) which input a node asks
    bounds: FloatArray  # (N,) what is at most this goes left
    lefts: Words  # (N,) all but the leaves struck out by going left
    rights: Words  # (N,) or right
    values: npt.NDArray[np.float64]  # (W, 32) what a leaf adds, by _place


class UnknownTrees(ValueError):
    """The text is not of trees that this code evaluates; the message says why."""


def read_forest(text: str) -> Forest:
    """Return the trees of LightGBM's model `text`.

    Raises UnknownTrees where they split by category, hold a line in a leaf, have a way of their own
    with 0 or missing values, or are not to be added up.
    """
    head, *trees = (_fields(part) for part in text.partition("end of trees")[0].split("\nTree="))
    if head.get("num_tree_per_iteration") != "1" or "average_output" in head:
        raise UnknownTrees("these trees do not add up to one number a row")
    starts, leaves, values, nodes = [0], [], [], []
    for tree in trees:
        if tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0":
            raise UnknownTrees("a tree splits by category, or holds a line in a leaf")
        added = np.array(tree["leaf_value"].split(), dtype=np.float64)
        asked = list(_nodes(tree)) if len(added) > 1 else []
        for first in range(0, len(added), WORD_LEAVES):
            some = added[first : first + WORD_LEAVES]
            everything = (1 << len(some)) - 1 << 1
            for number, bound, left, right in asked:
                out = [(side >> first << 1) & everything for side in (left, right)]
                if any(out):
                    nodes.append((number, bound, _ONES ^ out[1], _ONES ^ out[0]))
            starts.append(len(nodes))
            leaves.append(everything)
            values.append(np.zeros(32))
            values[-1][[_place(leaf + 1) for leaf in range(len(some))]] = some
    inputs, bounds, lefts, rights = zip(*nodes, strict=True) if nodes else ((), (), (), ())
    return Forest(
        leaves=np.array(leaves, dtype=np.uint32),
        starts=np.array(starts, dtype=np.int64),
        inputs=np.array(inputs, dtype=np.int64),
        bounds=_rounded_down(np.array(bounds, dtype=np.float64)),
        lefts=np.array(lefts, dtype=np.uint32),
        rights=np.array(rights, dtype=np.uint32),
        values=np.array(values).reshape(-1, 32),
    )


def add_up(forest: Forest, columns: FloatArray) -> npt.NDArray[np.float64]:
    """Return what the trees add up to (R,) for inputs given as `columns` (F, R), without NaN.

    It has the bits of LightGBM's `predict(raw_score=True)`. ValueError where inputs are missing.
    """
    needed = int(forest.inputs.max(initial=-1)) + 1
    if len(columns) < needed:
        raise ValueError(f"inputs = {len(columns)}: these trees ask {needed}")
    total = np.zeros(columns.shape[1])
    _add_up(forest, columns, total)
    return total


def _fields(part: str) -> dict[str, str]:
    """Return the lines `name=value` of a part of the text."""
    lines = (line.partition("=") for line in part.splitlines())
    return {name: value for name, _, value in lines}


def _nodes(tree: dict[str, str]) -> Iterator[tuple[int, float, int, int]]:
    """Yield each node's input, bound, and the leaves below it on either side, a bit each.

    A child is named by its number, which is above its parent's, or a leaf by -1 - its number.
    """
    if any(int(kind) & 0b1101 for kind in tree["decision_type"].split()):
        raise UnknownTrees("a tree has a way of its own with 0 or missing values")
    lefts, rights = ([int(n) for n in tree[f"{side}_child"].split()] for side in ("left", "right"))
    below = [0] * len(lefts)

    def leaves(child: int) -> int:
        return below[child] if child >= 0 else 1 << (-1 - child)

    for node in reversed(range(len(lefts))):
        below[node] = leaves(lefts[node]) | leaves(rights[node])
    asked = zip(tree["split_feature"].split(), tree["threshold"].split(), strict=True)
    for node, (number, bound) in enumerate(asked):
        yield int(number), float(bound), leaves(lefts[node]), leaves(rights[node])


def _place(bit: int) -> int:
    """Return where the leaf of a word's `bit` stands in its values.

    >>> sorted(_place(bit) for bit in range(1, 32)) == list(range(1, 32))
    True
    """
    return ((_DE_BRUIJN << bit) & _ONES) >> 27


def _rounded_down(bounds: npt.NDArray[np.float64]) -> FloatArray:
    """Return the greatest 32-bit numbers not above `bounds`, which part 32-bit inputs alike.

    >>> float(_rounded_down(np.array([0.1]))[0]) < 0.1 < float(np.float32(0.1))
    True
    """
    near = bounds.astype(np.float32)
    return np.where(near > bounds, np.nextafter(near, np.float32(-np.inf)), near)


@compiled
def _add_up(forest: Forest, columns: FloatArray, total: npt.NDArray[np.float64]) -> None:
    """Add to `total` (R,) what the leaves that rows `columns` (F, R) end in add."""
    leaves, starts, inputs, bounds, lefts, rights, values = forest
    width, count = columns.shape
    left_over = np.empty(_ROWS, dtype=np.uint32)
    asked = np.zeros((width, _ROWS), dtype=np.float32)
    alike = np.empty(width, dtype=np.bool_)
    for start in range(0, count, _ROWS):
        rows = min(_ROWS, count - start)
        padded = (rows + _STEP - 1) // _STEP * _STEP
        for number in range(width):  # one customer's candidates have many inputs alike
            column, source = asked[number], columns[number, start : start + rows]
            others = 0
            for row in range(rows):
                column[row] = source[row]
                others |= source[row] != source[0]
            alike[number] = others == 0
        for word in range(len(leaves)):
            everywhere = leaves[word]
            left_over[:padded] = everywhere
            for node in range(starts[word], starts[word + 1]):
                number, bound, left, right = inputs[node], bounds[node], lefts[node], rights[node]
                if alike[number]:
                    everywhere &= left if asked[number, 0] <= bound else right
                elif everywhere & ~(left & right):  # else its leaves are struck out everywhere
                    column = asked[number]
                    for row in range(padded):
                        left_over[row] &= left if column[row] <= bound else right
            for row in range(rows):
                bit = np.uint32((left_over[row] & everywhere) * np.uint32(_DE_BRUIJN))
                total[start + row] += values[word, bit >> np.uint32(27)]
