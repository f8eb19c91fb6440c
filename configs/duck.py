"""DuckDB in memory, and Parquet files in its SQL."""

from pathlib import Path

import duckdb

from configs.paths import exact_pattern


def connect() -> duckdb.DuckDBPyConnection:
    """Return a new DuckDB in memory, in UTC, on two threads. Another thread uses a cursor of it."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET threads = 2")
    return con


def parquet(path: Path) -> str:
    """Return the SQL of the rows in the Parquet file `path`.

    >>> parquet(Path("it's [new].parquet"))
    "read_parquet('it''s [[]new].parquet')"
    """
    literal = exact_pattern(path).replace("'", "''")
    return f"read_parquet('{literal}')"
