"""The columns of a ranker's inputs that hold the scores of the sources."""

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
