"""The content of broken files, and the metric of a failed load."""

from typing import Final

FAILED: Final = "regulars_load_failed_timestamp_seconds"
GARBAGE: Final = b"\0 neither SQLite, JSON nor Parquet " * 50
