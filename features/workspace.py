"""The workspace: one directory per shop with all files created for it, and its clock."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from configs.durable import content_stamp, locked
from configs.errors import UserError
from configs.json_files import DamagedFile, read_json, write_json
from configs.paths import sqlite_url
from configs.privacy import keep_private, make_private
from features.times import read_day, read_time

logger: Final = logging.getLogger(__name__)
_HOLDER: Final = {
    "tables": "ingests",
    "snapshots": "builds features",
    "online": "materializes",
    "training": "trains",
}
"""What the holder of a lock does, for messages."""
SCHEMA_VERSION: Final = 1
_MADE: Final = ("events.db", "mlflow.db", "bundles", "snapshots", "online")
"""What is made only in an existing workspace."""
_SET_CLOCK: Final = (
    'restore it from a copy, or write the time by hand: {"now": "2011-12-10T00:00:00Z"}'
)
_WRITE_AGAIN: Final = (
    "restore it from a copy, or write it by hand: "
    '{"schema_version": 1, "timezone": "Europe/Berlin", "currency": "EUR", "clock": "system"}'
)


class WorkspaceError(UserError, RuntimeError):
    """The workspace is missing or has another version; the message names the command to run."""


@dataclass(frozen=True)
class Workspace:
    """A shop's directory. Open it with `Workspace.open`, create it with `Workspace.create`."""

    home: Path
    timezone: str
    currency: str
    clock: str
    """`system`, `simulated`, or `fixed:T` with T in RFC 3339."""

    def __post_init__(self) -> None:
        """Raise WorkspaceError for a path that DuckDB cannot read."""
        if "\\" in str(self.home):
            raise WorkspaceError(f"{self.home}: name a --home without a backslash")

    @classmethod
    def create(
        cls, home: Path, *, timezone: str = "UTC", currency: str = "GBP", clock: str = "system"
    ) -> "Workspace":
        """Create a workspace, or return the existing one if its settings are the same."""
        keep_private()
        home = home.resolve()
        created = cls(home, timezone, currency, clock)
        created._check()
        if not is_new(home):
            existing = cls.open(home)
            if (existing.timezone, existing.currency) != (timezone, currency):
                raise WorkspaceError(
                    f"{home} holds a shop in {existing.timezone} and {existing.currency}, not "
                    f"{timezone} and {currency}: name another --home"
                )
            if existing.clock == clock:
                return existing
        created._save()
        make_private(home, whole=False)
        return created

    @classmethod
    def open(cls, home: Path, *, private: bool = True) -> "Workspace":
        """Return the workspace at `home`. Raises WorkspaceError if it cannot be read.

        Other users lose access to it, unless `private` is false: a packaged one is for others too.
        """
        home = home.resolve()
        file = home / "workspace.json"
        keep_private()
        try:
            saved = read_json(file, otherwise=_WRITE_AGAIN)
        except FileNotFoundError:
            raise WorkspaceError(
                f"no workspace at {home}: run `python -m features ingest` or `simulate` first"
                if is_new(home)
                else f"{file} is missing beside a shop's data; {_WRITE_AGAIN}"
            ) from None
        except OSError as error:
            raise WorkspaceError(f"{file}: cannot be read ({error.strerror})") from error
        except DamagedFile as error:
            raise WorkspaceError(str(error)) from error
        version = saved.pop("schema_version", None)
        if version != SCHEMA_VERSION:
            raise WorkspaceError(
                f"{home} has schema_version {version}, this code reads {SCHEMA_VERSION}: "
                "ingest the shop's files into a new --home"
            )
        texts = {name for name, value in saved.items() if isinstance(value, str)}
        if texts != saved.keys() or texts != {"timezone", "currency", "clock"}:
            raise WorkspaceError(
                f"{file}: holds {saved}, not timezone, currency and clock as text; {_WRITE_AGAIN}"
            )
        opened = cls(home, **saved)
        try:
            opened._check()
        except WorkspaceError as error:
            raise WorkspaceError(f"{file}: {error}; {_WRITE_AGAIN}") from error
        if private:
            make_private(home, whole=False)
        return opened

    def _check(self) -> None:
        """Raise WorkspaceError for a timezone or a clock that there is not."""
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise WorkspaceError(f"timezone {self.timezone!r}: not an IANA zone") from error
        if self.clock not in ("system", "simulated"):
            _fixed(self.clock)

    def _save(self) -> None:
        saved = {"timezone": self.timezone, "currency": self.currency, "clock": self.clock}
        write_json(self.home / "workspace.json", {"schema_version": SCHEMA_VERSION, **saved})

    def now(self) -> pd.Timestamp:
        """Return the time (UTC) by this workspace's clock."""
        if self.clock == "system":
            return pd.Timestamp.now(tz="UTC").as_unit("us")
        if self.clock == "simulated":
            file = self.home / "clock.json"
            try:
                return _simulated(file)
            except FileNotFoundError:
                raise WorkspaceError(f"{file} is missing: {_SET_CLOCK}") from None
            except OSError as error:
                raise WorkspaceError(f"{error}: {_SET_CLOCK}") from error
        return _fixed(self.clock)

    def advance(self, now: pd.Timestamp) -> None:
        """Set the simulated clock to `now` (UTC), never backwards."""
        if self.clock != "simulated":
            raise WorkspaceError(f"the clock {self.clock!r} cannot be advanced, only `simulated`")
        if (self.home / "clock.json").exists() and now < self.now():
            raise ValueError(f"now = {now}: the simulated clock is already at {self.now()}")
        write_json(self.home / "clock.json", {"now": now.isoformat()})

    def midnight(self, date: str) -> pd.Timestamp:
        """Return the start (UTC) of the local day `date` (YYYY-MM-DD).

        >>> shop = Workspace(Path("x"), "Europe/Berlin", "EUR", "system")
        >>> str(shop.midnight("2011-07-01"))
        '2011-06-30 22:00:00+00:00'
        """
        try:
            day = pd.Timestamp(read_day(date))
        except ValueError:
            raise WorkspaceError(f"date {date!r}: write YYYY-MM-DD") from None
        local = day.tz_localize(self.timezone, nonexistent="shift_forward", ambiguous=True)
        return local.tz_convert("UTC").as_unit("us")

    def cut(self, as_of: str | None) -> pd.Timestamp:
        """Return the time (UTC) of an `--as-of`: its local midnight, or `now()` for None.

        Raises WorkspaceError if it is not a date, or lies after `now()`: the data until then are
        not known yet.
        """
        now = self.now()
        if as_of is None:
            return now
        cut = self.midnight(as_of)
        if cut > now:
            raise WorkspaceError(
                f"--as-of {as_of}: the workspace's clock stands at {now.isoformat()}"
            )
        return cut

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the inter-process lock `name`; a killed holder frees it.

        A wait of more than a second is logged.
        """

        def on_wait() -> None:
            logger.warning(
                "Waiting for another process that %s in %s", _HOLDER.get(name, "works"), self.home
            )

        with locked(self.home / f".{name}.lock", on_wait=on_wait):
            yield

    # Paths. Each has one writer, named in brackets.
    @property
    def tables(self) -> Path:
        """Canonical tables (features.tables)."""
        return self.home / "tables"

    @property
    def snapshots(self) -> Path:
        """Feature snapshots, one folder per view, one file per time (features.snapshots)."""
        return self.home / "snapshots"

    @property
    def feast(self) -> Path:
        """Feast registry (features.feast_store) and online store (features.materialize)."""
        return self.home / "feast"

    @property
    def online(self) -> Path:
        """The files that serving reads, and `current.json` (features.materialize)."""
        return self.home / "online"

    @property
    def events_db(self) -> Path:
        """The event log (features.logs.events)."""
        return self.home / "events.db"

    @property
    def product_changes_db(self) -> Path:
        """The log of product changes (features.logs.product_changes)."""
        return self.home / "product_changes.db"

    @property
    def experiments(self) -> Path:
        """Definitions, state and exposures of experiments (experiments)."""
        return self.home / "experiments"

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking database (training.registry.versions)."""
        return sqlite_url(self.home / "mlflow.db")

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts (training.registry.versions)."""
        return self.home / "mlartifacts"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of unfinished trainings; stored lists (training.evaluation.stored_lists)."""
        return self.home / "checkpoints"

    @property
    def parts(self) -> Path:
        """Finished parts of models, by their key (training.recommenders.two_stage.model)."""
        return self.home / "parts"

    @property
    def bundles(self) -> Path:
        """Exported model versions, and `current.json` (training.registry.versions)."""
        return self.home / "bundles"


def is_new(home: Path) -> bool:
    """Return whether no workspace was ever used at `home`: lost settings are no new shop.

    Tables alone are those of a first ingest that was killed.
    """
    return not any((home / name).exists() for name in ("workspace.json", *_MADE))


@lru_cache
def _fixed(clock: str) -> pd.Timestamp:
    """Return the time T of the clock `fixed:T`."""
    kind, _, text = clock.partition(":")
    try:
        if kind != "fixed":
            raise ValueError
        return read_time(text)
    except ValueError:
        raise WorkspaceError(
            f"clock {clock!r}: write system, simulated or fixed:2011-12-10T00:00:00Z"
        ) from None


def _simulated(file: Path) -> pd.Timestamp:
    return _read_clock(file, content_stamp(file))


@lru_cache(maxsize=8)
def _read_clock(file: Path, _: tuple[int, ...]) -> pd.Timestamp:
    """Return the time in `file`, cached by its stamp: the file is always replaced as a whole."""
    try:
        return read_time(read_json(file, otherwise=_SET_CLOCK)["now"])
    except DamagedFile as error:
        raise WorkspaceError(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise WorkspaceError(f"{file}: names no time; {_SET_CLOCK}") from error
