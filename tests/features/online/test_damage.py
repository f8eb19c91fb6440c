"""The online rows when a byte of them, or their file, is not what was written."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from features.customer_row import ROW_CODE, DamagedRow, OtherCode, unpack
from features.feast_store import ONLINE_DB
from features.materialize import materialize
from features.online.rows import ONLINE_TABLE
from features.online.store import OnlineStore
from features.workspace import Workspace, WorkspaceError
from tests.features.shop import AS_OF, line, lines, stored, workspace


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    made = workspace(
        tmp_path,
        lines(
            line("o1", "A", "p", "2011-03-01", price=3),
            line("o2", "A", "q", "2011-03-02", price=4),
            line("o3", "B", "q", "2011-03-03", price=5),
        ),
    )
    materialize(made, AS_OF)
    return made


def row(ws: Workspace, name: str) -> dict[str, object]:
    found = OnlineStore(ws).online_customer(name)
    assert found is not None
    return {feature: stored(value) for feature, value in found.items()}


def test_no_byte_of_a_row_can_change_unnoticed(ws: Workspace) -> None:
    value = OnlineStore(ws)._rows.read("A")
    assert value is not None
    unpack(value)
    rng = random.Random(1)
    for place in range(len(value)):
        damaged = bytearray(value)
        damaged[place] ^= rng.randrange(1, 256)
        with pytest.raises((DamagedRow, OtherCode)):
            unpack(bytes(damaged))
    for length in range(len(value)):
        with pytest.raises((DamagedRow, OtherCode)):
            unpack(value[:length])


def test_a_damaged_row_is_named_and_the_same_cut_writes_it_anew(ws: Workspace) -> None:
    expected = row(ws, "A")
    with closing(sqlite3.connect(ws.feast / ONLINE_DB)) as database, database:
        (value, key) = next(
            (value, key)
            for value, key in database.execute(f"SELECT value, entity_key FROM {ONLINE_TABLE}")
            if bytes(key).endswith(b"A")
        )
        at = value.index(ROW_CODE.encode()) + len(ROW_CODE) + 9
        other = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        database.execute(f"UPDATE {ONLINE_TABLE} SET value = ? WHERE entity_key = ?", (other, key))
    with pytest.raises(
        WorkspaceError, match=r"online\.db: a customer's row is damaged .* materialize`"
    ):
        OnlineStore(ws).online_customer("A")
    row(ws, "B")
    materialize(ws, AS_OF)
    assert row(ws, "A") == expected


@pytest.mark.parametrize("how", ["head", "middle", "cut", "empty", "gone"])
def test_a_damaged_file_is_written_anew(ws: Workspace, how: str) -> None:
    expected, file = row(ws, "A"), ws.feast / ONLINE_DB
    content = file.read_bytes()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    noise = random.Random(2).randbytes(3000)
    damaged = {
        "head": noise + content[3000:],
        "middle": content[:4100] + noise + content[7100:],
        "cut": content[: len(content) // 2],
        "empty": b"",
    }
    file.unlink()
    if how != "gone":
        file.write_bytes(damaged[how])
    materialize(ws, AS_OF)
    assert row(ws, "A") == expected
