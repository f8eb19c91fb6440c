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
"""Leaves in a word of 32 bits. The lowest bit stands for none."""
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
    lefts: Words  # (N,) the leaves that remain when going left
    rights: Words  # (N,) when going right
    values: npt.NDArray[np.float64]  # (W, 32) the value of a leaf, at its _place
    width: int  # the least number of inputs in a row


class UnknownTrees(ValueError):
    """The text holds trees that this code cannot evaluate; the message says why."""


def read_forest(text: str) -> Forest:
    """Return the trees of LightGBM's model `text`.

    Raises UnknownTrees for splits by category, linear leaves, special treatment of 0 or of missing
    values, and trees that do not add up.
    """
    head, *trees = (_fields(part) for part in text.partition("end of trees")[0].split("\nTree="))
    if head.get("num_tree_per_iteration") != "1" or "average_output" in head:
        raise UnknownTrees("these trees do not add up to one number a row")
    starts, leaves, values, nodes = [0], [], [], []
    for tree in trees:
        if tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0":
            raise UnknownTrees("a tree splits by category, or holds a line in a leaf")
        added = np.array(tree["leaf_value"].split(), dtype=np.float64)
        of_tree = list(_nodes(tree)) if len(added) > 1 else []
        for first in range(0, len(added), WORD_LEAVES):
            some = added[first : first + WORD_LEAVES]
            everything = (1 << len(some)) - 1 << 1
            for number, bound, left, right in of_tree:
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
        inputs=np.array(inputs, dtype=np.uint32),
        bounds=_rounded_down(np.array(bounds, dtype=np.float64)),
        lefts=np.array(lefts, dtype=np.uint32),
        rights=np.array(rights, dtype=np.uint32),
        values=np.array(values).reshape(-1, 32),
        width=max(inputs, default=-1) + 1,
    )


def add_up(forest: Forest, columns: FloatArray) -> npt.NDArray[np.float64]:
    """Return the sums (R,) of the trees' values for inputs `columns` (F, R), which hold no NaN.

    They have the bits of LightGBM's `predict(raw_score=True)`. ValueError where inputs are missing.
    """
    if len(columns) < forest.width:
        raise ValueError(f"inputs = {len(columns)}: these trees ask {forest.width}")
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
        raise UnknownTrees("a tree has a way of its own with 0 or missing values")
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
    """Return the index in a word's values of the leaf that `bit` stands for.

    >>> sorted(_place(bit) for bit in range(1, 32)) == list(range(1, 32))
    True
    """
    return ((_DE_BRUIJN << bit) & _ONES) >> 27


def _rounded_down(bounds: npt.NDArray[np.float64]) -> FloatArray:
    """Return the greatest 32-bit numbers not above `bounds`: they split 32-bit inputs alike.

    >>> float(_rounded_down(np.array([0.1]))[0]) < 0.1 < float(np.float32(0.1))
    True
    """
    near = bounds.astype(np.float32)
    return np.where(near > bounds, np.nextafter(near, np.float32(-np.inf)), near)


@compiled
def _add_up(forest: Plain, columns: FloatArray, total: npt.NDArray[np.float64]) -> None:
    """Add to `total` (R,) what the leaves that rows `columns` (F, R) end in add.

    What many nodes have in common is done first, without branches: they could not be foreseen.
    """
    leaves, starts, inputs, bounds, lefts, rights, added = forest
    block = np.empty((len(columns), _ROWS), dtype=np.float32)
    lows = np.empty(len(columns), dtype=np.float32)
    highs = np.empty(len(columns), dtype=np.float32)
    lanes = np.empty((2, _LANES), dtype=np.float32)
    alike = np.empty(len(inputs), dtype=np.uint32)
    split = np.empty(len(inputs), dtype=np.uint32)
    nodes = np.empty(len(inputs) + 3, dtype=np.int64)
    left_over = np.empty(_ROWS, dtype=np.uint32)
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
        _part(forest[2:6], lows, highs, alike, split)
        for word in range(len(leaves)):
            everywhere, kept = leaves[word], 0
            for node in range(starts[word], starts[word + 1]):
                everywhere &= alike[node]
            for node in range(starts[word], starts[word + 1]):
                nodes[kept] = node
                kept += (everywhere & split[node]) != 0
            left_over[:padded] = everywhere
            for again in range(kept, kept + 3):  # fill up the last group of four
                nodes[again] = nodes[max(kept - 1, 0)]
            for first in range(0, kept, 4):
                _strike_out(left_over[:padded], block, nodes, first, inputs, bounds, lefts, rights)
            for row in range(padded):
                ends[row] = np.uint32(left_over[row] * np.uint32(_DE_BRUIJN)) >> np.uint32(27)
            values, some = added[word], total[start : start + rows]
            for row in range(rows):
                some[row] += values[ends[row]]


@compiled
def _part(nodes: Plain, lows: FloatArray, highs: FloatArray, alike: Words, split: Words) -> None:
    """Separate the nodes at which all rows go the same way from those that split them.

    The rows' inputs lie between `lows` and `highs` (F,). `alike` (N,) gets the leaves that a node
    leaves to all rows. `split` (N,) gets the leaves below a node that splits the rows, else 0.
    """
    inputs, bounds, lefts, rights = nodes
    everything, nothing = np.uint32(_ONES), np.uint32(0)
    for node in range(len(alike)):
        number, bound, left, right = inputs[node], bounds[node], lefts[node], rights[node]
        out = left if highs[number] <= bound else right
        both = (highs[number] > bound) & (lows[number] <= bound)
        alike[node] = everything if both else out
        split[node] = np.uint32(~(left & right)) if both else nothing


@compiled
def _range(column: FloatArray, lanes: FloatArray) -> tuple[np.float32, np.float32]:
    """Return the least and the greatest of `column`, whose length is a multiple of _LANES.

    `lanes` (2, _LANES) are overwritten.
    """
    lows, highs = lanes[0], lanes[1]
    lows[:] = column[0]
    highs[:] = column[0]
    for start in range(0, len(column), _LANES):
        some = column[start : start + _LANES]
        for lane in range(_LANES):
            lows[lane] = some[lane] if some[lane] < lows[lane] else lows[lane]
            highs[lane] = some[lane] if some[lane] > highs[lane] else highs[lane]
    low, high = lows[0], highs[0]
    for lane in range(1, _LANES):
        low = lows[lane] if lows[lane] < low else low
        high = highs[lane] if highs[lane] > high else high
    return low, high


@compiled
def _strike_out(  # noqa: PLR0917  # see below
    left_over: Words,
    block: FloatArray,
    nodes: IntArray,
    first: int,
    inputs: Words,
    bounds: FloatArray,
    lefts: Words,
    rights: Words,
) -> None:
    """Remove from `left_over` (R,) the leaves that four of `nodes`, from `first` on, exclude.

    numba unpacks a tuple of arrays at every call; passing the arrays one by one is faster.
    """
    a, b, c, d = nodes[first], nodes[first + 1], nodes[first + 2], nodes[first + 3]
    column_a, bound_a, left_a, right_a = inputs[a], bounds[a], lefts[a], rights[a]
    column_b, bound_b, left_b, right_b = inputs[b], bounds[b], lefts[b], rights[b]
    column_c, bound_c, left_c, right_c = inputs[c], bounds[c], lefts[c], rights[c]
    column_d, bound_d, left_d, right_d = inputs[d], bounds[d], lefts[d], rights[d]
    for row in range(len(left_over)):
        left_over[row] &= (
            (left_a if block[column_a, row] <= bound_a else right_a)
            & (left_b if block[column_b, row] <= bound_b else right_b)
            & (left_c if block[column_c, row] <= bound_c else right_c)
            & (left_d if block[column_d, row] <= bound_d else right_d)
        )
