"""Sealed Parquet files: no damage anywhere is read as other rows, and any reader reads them."""

import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.json_files import DamagedFile
from configs.parquet_files import is_intact, read_parquet, write_parquet

ROWS = pa.table(
    {
        "product_id": [f"p{number}" for number in range(30)],
        "price": pa.array([number / 7 for number in range(30)]),
        "at": pa.array(range(0, 30_000_000, 1_000_000), pa.timestamp("us", tz="UTC")),
    }
).replace_schema_metadata({"digest": "abc"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    write_parquet(path, ROWS)
    return path


def read(path: Path) -> pa.Table:
    return read_parquet(path, otherwise="build again")


def test_any_reader_reads_what_is_sealed(file: Path) -> None:
    assert is_intact(file.read_bytes()) is True
    assert read(file).equals(ROWS)
    assert read(file).schema.metadata == ROWS.schema.metadata
    assert read_parquet(file, columns=["at"], otherwise="").column_names == ["at"]
    assert pq.read_table(file).equals(ROWS)
    with duckdb.connect() as database:
        assert database.execute(f"SELECT count(*) FROM '{file}'").fetchall() == [(30,)]


def test_no_damaged_byte_is_read(file: Path) -> None:
    written = file.read_bytes()
    for place in range(len(written)):
        damaged = bytearray(written)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        with pytest.raises(DamagedFile, match=r"rows\.parquet: .*; build again"):
            read(file)


def test_no_twenty_damaged_bytes_and_no_cut_file_is_read(file: Path) -> None:
    written, draw = file.read_bytes(), random.Random(1)
    for _ in range(300):
        damaged = bytearray(written)
        for place in draw.sample(range(len(written)), 20):
            damaged[place] ^= draw.randrange(1, 256)
        file.write_bytes(damaged)
        with pytest.raises(DamagedFile):
            read(file)
    for length in (0, 1, 7, 8, 60, len(written) // 2, len(written) - 1):
        file.write_bytes(written[:length])
        with pytest.raises(DamagedFile):
            read(file)


def test_what_older_code_wrote_is_read(file: Path) -> None:
    pq.write_table(ROWS, file)
    assert is_intact(file.read_bytes()) is None
    assert read(file).equals(ROWS)
