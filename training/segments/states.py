"""The states of a shop's segments on the disk: one generation at a time, replaced in one step.

`segments/GENERATION/` holds the customers with their fields at one time T, the dated memberships
until T, and the definitions that were evaluated. `segments/current.json` names the current
generation and the one before it, which stays for who still reads it. A reader holds one generation
in memory: what it counts, lists and exports is of one state.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

from configs.duck import connect
from configs.durable import placing
from configs.json_files import DamagedFile, read_json, write_json
from configs.parquet_files import read_parquet, write_parquet
from configs.paths import plain_name
from features.times import read_time
from training.segments.definitions import BUILT_IN, Definition, unknown
from training.segments.membership import SegmentError, counts, members
from training.segments.vectors import (
    NO_VECTORS,
    VECTORS,
    CustomerVectors,
    put_vectors,
    stored_vectors,
)

CURRENT: Final = "current.json"
TABLES: Final = ("membership", "membership_evaluations", "customers", VECTORS)
_FIRST_TABLES: Final = TABLES[:-1]
"""Those of a state of earlier code, which does not name them."""
_STATE: Final = "state.json"
_OTHERWISE: Final = "run `python -m training segments refresh` again"


class NotComputed(SegmentError):
    """The workspace has no state of its segments yet."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The segments of a shop at one time."""

    generation: str
    as_of: pd.Timestamp
    """The time T (UTC) of the newest evaluation."""
    definitions: Mapping[str, Definition]
    """The versions that were evaluated, by key."""
    con: duckdb.DuckDBPyConnection
    """In memory: the tables TABLES. Another thread uses a cursor of it."""

    @cached_property
    def vectors(self) -> CustomerVectors:
        """The customers' vectors at `as_of`. Raises NotComputed without any.

        They are missing in a state of earlier code, and in a shop with fewer than three customers
        or products.
        """
        found = stored_vectors(self.con.cursor())
        if not len(found.customer_ids):
            raise NotComputed(f"there are no customers' vectors yet: {_OTHERWISE}")
        return found

    @property
    def segments(self) -> list[str]:
        """The keys of all segments, those of every shop first."""
        return [*BUILT_IN, *self.definitions]

    def check(self, key: str) -> None:
        """Raise SegmentError if there is no segment `key`."""
        if key not in BUILT_IN and key not in self.definitions:
            raise unknown(key, self.definitions)

    def counts(self) -> dict[str, int]:
        """Return the number of members of every segment at `as_of`, by key."""
        return counts(self.con.cursor(), self.segments, at=self.as_of)

    def member_ids(self, key: str) -> list[str]:
        """Return the customer_ids of the members of `key` at `as_of`. Raises SegmentError."""
        self.check(key)
        listed = members(self.con.cursor(), key, at=self.as_of)
        return [str(customer_id) for customer_id in listed["customer_id"]]

    def filter_of(self, key: str) -> str:
        """Return the filter of the segment `key`, as text. Raises SegmentError."""
        self.check(key)
        return str(BUILT_IN[key]) if key in BUILT_IN else self.definitions[key].filter


class States:
    """The generations in a folder. Who writes holds the workspace's lock `segments`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current_file = folder / CURRENT

    def load(self, generation: str | None = None) -> State:
        """Return the state of `generation`, by default of the current one.

        Raises NotComputed without one, and DamagedFile.
        """
        while True:
            name = self.current() if generation is None else generation
            if name is None:
                raise NotComputed(f"{self.folder} holds no segments yet: {_OTHERWISE[:-6]}")
            try:
                return self._read(name)
            except FileNotFoundError as error:
                if generation is not None or self.current() == name:
                    raise DamagedFile(f"{error.filename} is missing; {_OTHERWISE}") from error

    def current(self) -> str | None:
        """Return the current generation; None if there never was one. Raises DamagedFile."""
        return self.names()[0]

    def write(
        self,
        con: duckdb.DuckDBPyConnection,
        *,
        as_of: pd.Timestamp,
        definitions: Mapping[str, Definition],
    ) -> State:
        """Make the tables TABLES of `con`, as of `as_of`, the current generation.

        The state that it returns goes on with `con`.
        """
        content = {
            "tables": TABLES,
            "as_of": as_of.isoformat(),
            "definitions": {k: d.model_dump(mode="json") for k, d in definitions.items()},
        }
        generation = f"{as_of.strftime('%Y%m%dT%H%M%SZ')}-{_digest(con, content)}"
        current, previous = self.names()
        target = self.folder / generation
        if not target.exists():
            with placing(target) as aside:
                for name in TABLES:
                    rows = con.sql(f"FROM {name} ORDER BY ALL").to_arrow_table()
                    write_parquet(aside / f"{name}.parquet", rows)
                write_json(aside / _STATE, content)
        if generation != current:
            previous = current
            write_json(self.current_file, {"generation": generation, "previous": previous})
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in (generation, previous):
                shutil.rmtree(entry)
        return State(generation=generation, as_of=as_of, definitions=definitions, con=con)

    def names(self) -> tuple[str | None, str | None]:
        """Return the current generation and the one before, if any. Raises DamagedFile."""
        try:
            saved = read_json(self.current_file, otherwise=_OTHERWISE)
        except FileNotFoundError:
            return None, None
        try:
            previous = saved["previous"]
            return plain_name(saved["generation"]), previous and plain_name(previous)
        except (KeyError, ValueError) as error:
            raise DamagedFile(f"{self.current_file}: names no generation; {_OTHERWISE}") from error

    def _read(self, generation: str) -> State:
        folder = self.folder / generation
        saved = read_json(folder / _STATE, otherwise=_OTHERWISE)
        con = connect()
        put_vectors(con, NO_VECTORS)
        for name in saved.get("tables", _FIRST_TABLES):
            rows = read_parquet(folder / f"{name}.parquet", otherwise=_OTHERWISE)
            con.register("rows", rows)
            con.execute(f"CREATE OR REPLACE TABLE {name} AS FROM rows")
            con.unregister("rows")
        return State(
            generation=generation,
            as_of=read_time(saved["as_of"]),
            definitions={k: Definition.model_validate(d) for k, d in saved["definitions"].items()},
            con=con,
        )


def _digest(con: duckdb.DuckDBPyConnection, content: Mapping[str, Any]) -> str:
    """Return what differs between the states of two contents: their rows, in any order."""
    digest = hashlib.sha256(repr(content).encode())
    for name in TABLES:
        rows = con.execute(f"SELECT count(*), sum(hash(t)) FROM {name} AS t").fetchall()
        digest.update(repr(rows).encode())
    return digest.hexdigest()[:8]
