"""Copied columns of a ranker's inputs: scores, products' inputs, customers' inputs."""

from configs.compiled import compiled
from training.data.inputs import FloatArray, IntArray


@compiled
def write_source_scores(
    scores: tuple[FloatArray, ...], rows: IntArray, columns: IntArray, out: FloatArray
) -> None:
    """Write the scores of N candidates by S sources into `out` (2 S, N), then their gaps.

    A gap is a score less the best score of the row's candidates.
    """
    for source in range(len(scores)):
        of_source, gaps = out[source], out[len(scores) + source]
        for pair in range(len(rows)):
            of_source[pair] = scores[source][rows[pair], columns[pair]]
        stop = 0
        while stop < len(rows):
            start, best = stop, of_source[stop]
            while stop < len(rows) and rows[stop] == rows[start]:
                best = max(best, of_source[stop])
                stop += 1
            for pair in range(start, stop):
                gaps[pair] = of_source[pair] - best


@compiled
def write_product_inputs(
    known: FloatArray, activity: FloatArray, rows: IntArray, columns: IntArray, out: FloatArray
) -> None:
    """Write the inputs of N pairs into `out` (K + F, N).

    First those of the products, `known` (C, K), then those of the customers, `activity` (B, F).
    """
    width = known.shape[1]
    for pair in range(len(columns)):  # row by row: they are far apart in memory
        place = columns[pair]
        for number in range(width):
            out[number, pair] = known[place, number]
    for number in range(activity.shape[1]):
        for pair in range(len(rows)):
            out[width + number, pair] = activity[rows[pair], number]
