"""The members of a segment as a file for another system."""

from collections.abc import Collection
from pathlib import Path

import duckdb
import pandas as pd

from configs.durable import replacing
from configs.privacy import output_mode
from training.segments.membership import SegmentError, members
from training.segments.smallest import SMALLEST


def export(
    con: duckdb.DuckDBPyConnection,
    segment: str,
    output: Path,
    *,
    at: pd.Timestamp,
    opt_outs: Collection[str],
    smallest: int = SMALLEST,
) -> int:
    """Replace `output` by the members of `segment` at `at` (UTC); return their number.

    A `.csv` file is UTF-8 with a header, a `.parquet` file has the same columns: customer_id,
    entered_timestamp (UTC). `opt_outs`, customer_ids that may not be exported, are taken out last,
    and what remains is at least `smallest`, or SegmentError is raised and no file is written; also
    for another suffix, and as `members` does. The user's umask says who may read the file.
    """
    if output.suffix not in (".csv", ".parquet"):
        raise SegmentError(f"output {output}: name a file .csv or .parquet")
    frame = members(con, segment, at=at, opt_outs=opt_outs)
    if len(frame) < smallest:
        raise SegmentError(
            f"segment {segment!r}: fewer than {smallest} customers at {at} without those who opted "
            "out; so small a segment is not exported"
        )
    with replacing(output, mode=output_mode()) as file:
        if output.suffix == ".parquet":
            frame.to_parquet(file, index=False)
        else:
            times = frame["entered_timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            frame.assign(entered_timestamp=times).to_csv(file, index=False, encoding="utf-8")
    return len(frame)
