"""LightGBM's trees, read from its text and evaluated for many rows at once.

The rows do not walk from node to node. Instead each node removes, for all rows, the leaves that
they cannot reach, as in QuickScorer (Lucchese et al., 2015). So no branch is predicted wrongly.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray, IntArray

WORD_LEAVES: Final = 31
"""Leaves in a word of 32 bits. The lowest bit is reserved for no leaf."""
_ONES: Final = 2**32 - 1
_DE_BRUIJN: Final = 0x077CB531
"""A de Bruijn number: the five highest bits of its product with a power of 2 identify the power."""
_ROWS: Final = 256  # evaluated together: their words fit the nearest cache
_LANES: Final = 16  # rows that one instruction compares

Words = npt.NDArray[np.uint32]


class Forest(NamedTuple):
    """N nodes for W words of leaves; a tree of more than WORD_LEAVES leaves has several words."""

    leaves: Words  # (W,) the bits of existing leaves
    starts: IntArray  # (W + 1,) where each word's nodes begin, parents before children
    inputs: Words  # (N,) the input that a node compares
    bounds: FloatArray  # (N,) an input that is at most this goes left
    lefts: Words  # (N,) the leaves that remain after going left
    rights: Words  # (N,) after going right
    values: npt.NDArray[np.float64]  # (W, 32) the value of a leaf, at its _place
    width: int  # the minimum number of inputs in a row


class UnknownTrees(ValueError):
    """The text holds trees that this code cannot evaluate; the message says why."""


def read_forest(text: str) -> Forest:
    """Return the trees of LightGBM's model `text`.

    Raises UnknownTrees for splits by category, linear leaves, special treatment of 0 or of missing
    values, and trees whose values are not added.
    """
    head, *trees = (_fields(part) for part in text.partition("end of trees")[0].split("\nTree="))
    if head.get("num_tree_per_iteration") != "1" or "average_output" in head:
        raise UnknownTrees("the values of these trees are not added to one number a row")
    starts, leaves, values, nodes = [0], [], [], []
    for tree in trees:
        if tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0":
            raise UnknownTrees("a tree splits by category, or has linear leaves")
        leaf_values = np.array(tree["leaf_value"].split(), dtype=np.float64)
        tree_nodes = list(_nodes(tree)) if len(leaf_values) > 1 else []
        for first in range(0, len(leaf_values), WORD_LEAVES):
            word_values = leaf_values[first : first + WORD_LEAVES]
            all_leaves = (1 << len(word_values)) - 1 << 1
            for number, bound, left, right in tree_nodes:
                outside = [(side >> first << 1) & all_leaves for side in (left, right)]
                if any(outside):
                    nodes.append((number, bound, _ONES ^ outside[1], _ONES ^ outside[0]))
            starts.append(len(nodes))
            leaves.append(all_leaves)
            values.append(np.zeros(32))
            values[-1][[_place(leaf + 1) for leaf in range(len(word_values))]] = word_values
    inputs, bounds, lefts, rights = zip(*nodes, strict=True) if nodes else ((), (), (), ())
    return Forest(
        leaves=np.array(leaves, dtype=np.uint32),
        starts=np.array(starts, dtype=np.int64),
        inputs=np.array(inputs, dtype=np.uint32),
        bounds=_rounded_down(np.array(bounds, dtype=np.float64)),
        lefts=np.array(lefts, dtype=np.uint32),
        rights=np.array(rights, dtype=np.uint32),
        values=np.array(values).reshape(-1, 32),
        width=max(inputs, default=-1) + 1,
    )


def add_up(forest: Forest, columns: FloatArray) -> npt.NDArray[np.float64]:
    """Return the sums (R,) of the trees' values for inputs `columns` (F, R), which hold no NaN.

    Bit for bit equal to LightGBM's `predict(raw_score=True)`. ValueError if inputs are missing.
    """
    if len(columns) < forest.width:
        raise ValueError(f"inputs = {len(columns)}: these trees need {forest.width}")
    total = np.zeros(columns.shape[1])
    _add_up(tuple(forest[:-1]), columns, total)
    return total


def _fields(part: str) -> dict[str, str]:
    """Return the lines `name=value` of a part of the text."""
    lines = (line.partition("=") for line in part.splitlines())
    return {name: value for name, _, value in lines}


def _nodes(tree: dict[str, str]) -> Iterator[tuple[int, float, int, int]]:
    """Yield each node's input and bound, and the leaves below its left and right side, as bits.

    LightGBM refers to a child by its number, which is above its parent's, and to a leaf by
    -1 - its number.
    """
    if any(int(kind) & 0b1101 for kind in tree["decision_type"].split()):
        raise UnknownTrees("a tree treats 0 or missing values specially")
    lefts, rights = ([int(n) for n in tree[f"{side}_child"].split()] for side in ("left", "right"))
    below = [0] * len(lefts)

    def leaves(child: int) -> int:
        return below[child] if child >= 0 else 1 << (-1 - child)

    for node in reversed(range(len(lefts))):
        below[node] = leaves(lefts[node]) | leaves(rights[node])
    splits = zip(tree["split_feature"].split(), tree["threshold"].split(), strict=True)
    for node, (number, bound) in enumerate(splits):
        yield int(number), float(bound), leaves(lefts[node]), leaves(rights[node])


def _place(bit: int) -> int:
    """Return the index in a word's values of the leaf of `bit`.

    >>> sorted(_place(bit) for bit in range(1, 32)) == list(range(1, 32))
    True
    """
    return ((_DE_BRUIJN << bit) & _ONES) >> 27


def _rounded_down(bounds: npt.NDArray[np.float64]) -> FloatArray:
    """Return the greatest 32-bit numbers not above `bounds`: they split 32-bit inputs the same way.

    >>> float(_rounded_down(np.array([0.1]))[0]) < 0.1 < float(np.float32(0.1))
    True
    """
    near = bounds.astype(np.float32)
    return np.where(near > bounds, np.nextafter(near, np.float32(-np.inf)), near)


@compiled
def _add_up(forest: Plain, columns: FloatArray, total: npt.NDArray[np.float64]) -> None:
    """Add to `total` (R,) the values of the leaves that the rows of `columns` (F, R) reach.

    Nodes at which all rows of a block go the same way are applied once for the block. There are no
    branches in the inner loops, since processors could not predict them.
    """
    leaves, starts, inputs, bounds, lefts, rights, values_by_word = forest
    block = np.empty((len(columns), _ROWS), dtype=np.float32)
    lows = np.empty(len(columns), dtype=np.float32)
    highs = np.empty(len(columns), dtype=np.float32)
    lanes = np.empty((2, _LANES), dtype=np.float32)
    shared = np.empty(len(inputs), dtype=np.uint32)
    split = np.empty(len(inputs), dtype=np.uint32)
    nodes = np.empty(len(inputs) + 3, dtype=np.int64)
    remaining = np.empty(_ROWS, dtype=np.uint32)
    ends = np.empty(_ROWS, dtype=np.uint32)
    for start in range(0, columns.shape[1], _ROWS):
        rows = min(_ROWS, columns.shape[1] - start)
        padded = (rows + _LANES - 1) // _LANES * _LANES
        for number in range(len(columns)):
            column = block[number]
            for row in range(rows):
                column[row] = columns[number, start + row]
            column[rows:padded] = column[0]
            lows[number], highs[number] = _range(column[:padded], lanes)
        _separate_nodes(forest[2:6], lows, highs, shared, split)
        for word in range(len(leaves)):
            common, split_count = leaves[word], 0
            for node in range(starts[word], starts[word + 1]):
                common &= shared[node]
            for node in range(starts[word], starts[word + 1]):
                nodes[split_count] = node
                split_count += (common & split[node]) != 0
            remaining[:padded] = common
            for extra in range(split_count, split_count + 3):  # fill up the last group of four
                nodes[extra] = nodes[max(split_count - 1, 0)]
            for first in range(0, split_count, 4):
                _remove_leaves(
                    remaining[:padded], block, nodes, first, inputs, bounds, lefts, rights
                )
            for row in range(padded):
                ends[row] = np.uint32(remaining[row] * np.uint32(_DE_BRUIJN)) >> np.uint32(27)
            values, sums = values_by_word[word], total[start : start + rows]
            for row in range(rows):
                sums[row] += values[ends[row]]


@compiled
def _separate_nodes(
    nodes: Plain, lows: FloatArray, highs: FloatArray, shared: Words, split: Words
) -> None:
    """Separate the nodes at which all rows go the same way from those that split them.

    The rows' inputs lie between `lows` and `highs` (F,). `shared` (N,) gets the leaves that remain
    for all rows. `split` (N,) gets the leaves below a node that splits the rows, else 0.
    """
    inputs, bounds, lefts, rights = nodes
    all_leaves, nothing = np.uint32(_ONES), np.uint32(0)
    for node in range(len(shared)):
        number, bound, left, right = inputs[node], bounds[node], lefts[node], rights[node]
        same_side = left if highs[number] <= bound else right
        rows_differ = (highs[number] > bound) & (lows[number] <= bound)
        shared[node] = all_leaves if rows_differ else same_side
        split[node] = np.uint32(~(left & right)) if rows_differ else nothing


@compiled
def _range(column: FloatArray, lanes: FloatArray) -> tuple[np.float32, np.float32]:
    """Return the least and the greatest of `column`, whose length is a multiple of _LANES.

    `lanes` (2, _LANES) are overwritten.
    """
    lows, highs = lanes[0], lanes[1]
    lows[:] = column[0]
    highs[:] = column[0]
    for start in range(0, len(column), _LANES):
        chunk = column[start : start + _LANES]
        for lane in range(_LANES):
            lows[lane] = chunk[lane] if chunk[lane] < lows[lane] else lows[lane]
            highs[lane] = chunk[lane] if chunk[lane] > highs[lane] else highs[lane]
    low, high = lows[0], highs[0]
    for lane in range(1, _LANES):
        low = lows[lane] if lows[lane] < low else low
        high = highs[lane] if highs[lane] > high else high
    return low, high


@compiled
def _remove_leaves(  # noqa: PLR0917  # see below
    remaining: Words,
    block: FloatArray,
    nodes: IntArray,
    first: int,
    inputs: Words,
    bounds: FloatArray,
    lefts: Words,
    rights: Words,
) -> None:
    """Remove from `remaining` (R,) the leaves that four of `nodes`, from `first` on, exclude.

    numba unpacks a tuple of arrays at every call; passing the arrays one by one is faster.
    """
    a, b, c, d = nodes[first], nodes[first + 1], nodes[first + 2], nodes[first + 3]
    column_a, bound_a, left_a, right_a = inputs[a], bounds[a], lefts[a], rights[a]
    column_b, bound_b, left_b, right_b = inputs[b], bounds[b], lefts[b], rights[b]
    column_c, bound_c, left_c, right_c = inputs[c], bounds[c], lefts[c], rights[c]
    column_d, bound_d, left_d, right_d = inputs[d], bounds[d], lefts[d], rights[d]
    for row in range(len(remaining)):
        remaining[row] &= (
            (left_a if block[column_a, row] <= bound_a else right_a)
            & (left_b if block[column_b, row] <= bound_b else right_b)
            & (left_c if block[column_c, row] <= bound_c else right_c)
            & (left_d if block[column_d, row] <= bound_d else right_d)
        )
