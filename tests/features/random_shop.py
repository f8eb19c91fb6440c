"""A shop drawn at random, with every kind of line."""

import numpy as np
import pandas as pd

from tests.features.shop import line, lines, time


def random_lines(*, seed: int, count: int = 1500) -> pd.DataFrame:
    """Return lines of few customers and products over 450 days; a third was recorded late."""
    rng = np.random.default_rng(seed)
    table = []
    for number in range(count):
        kind = rng.choice(["sale", "sale", "sale", "return", "fee"])
        minutes = int(rng.integers(0, 450 * 24 * 60) // 600 * 600)  # ties
        event = time("2010-05-01") + pd.Timedelta(minutes=minutes)
        late = pd.Timedelta(days=int(rng.integers(0, 60)) * int(rng.random() < 1 / 3))
        table.append(
            line(
                f"o{int(rng.integers(0, count // 2))}",
                str(rng.choice(["A", "B", "C", "D"])) if rng.random() < 0.9 else None,
                f"p{int(rng.integers(0, 12))}",
                str(event.tz_localize(None)),
                quantity=float(rng.integers(1, 5)) * (-1 if kind == "return" else 1),
                price=float(rng.integers(0, 500)) / 100,
                kind=str(kind),
                number=number,
                recorded=str((event + late).tz_localize(None)),
            )
        )
    return lines(*table)
