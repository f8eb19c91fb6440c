"""Every file of a workspace, damaged: what a start, a running service and commands make of it."""

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

import httpx
import pytest

from features.workspace import Workspace
from tests.attack.damage_children import COMMANDS, Result, commanded, in_child, started
from tests.attack.damage_files import Damage, cases, damage_file, damaged_while_open
from tests.attack.findings import Finding, write_table
from tests.attack.probes import Prober, Seen, judge, probes
from tests.attack.settings import SAMPLE, SEED
from tests.attack.target import target
from tests.attack.workspace import Shop

TELLS_S: Final = 6.0
"""Within which a running service must tell of a damage that changes its answers."""
RECOVERS_S: Final = 60.0
BOOTED: Final = 0.05
"""The share of damages that a start of the real server is tried with, which takes long."""
Moment = Literal["start", "boot", "run", "materialize", "analyze", "promote"]
"""`start` is in a forked process, `boot` the real server's."""
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)
BAD: Final = ("WRONG", "HANG", "CRASH", "TRACEBACK", "NOT BACK")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A damage to a file at a moment."""

    kind: str
    file: Path
    damage: Damage
    moment: Moment

    def __str__(self) -> str:
        return f"{self.kind} {self.damage} at {self.moment}"


@dataclass(kw_only=True)
class Damages:
    """Tries damages to copies of `shop` in `folder`."""

    shop: Shop
    folder: Path
    seed: int = SEED
    journal: Path | None = None
    """Where each outcome is written as soon as it is known, so that a run that was cut off goes on
    from there."""
    outcomes: dict[Case, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """See what the healthy workspace answers and makes; it holds the probes' traces."""
        shutil.rmtree(self.folder / "asked", ignore_errors=True)
        self.shop = self.shop.copy(self.folder / "asked")
        first: Result = in_child(started, *self._served(self.shop.home))
        self._healthy: Seen = self._start()["seen"]
        if first["seen"].answers != self._healthy.answers:
            raise RuntimeError(f"two healthy starts differ: {first} {self._healthy}")
        self._made = {name: self._command(name)["made"] for name in COMMANDS}

    def all_cases(self) -> list[Case]:
        """Return every case, by moments, in an order by seed."""
        rng = random.Random(self.seed)
        found = [
            Case(kind=kind, file=file, damage=damage, moment=moment)
            for kind, file, damage in cases(self.shop.home, rng)
            for moment in MOMENTS
            if moment != "run" or not file.name.endswith((".lock", "-wal", "-shm"))
            if moment != "boot" or rng.random() < BOOTED
        ]
        rng.shuffle(found)
        return found

    def run(self, chosen: list[Case]) -> None:
        """Try each case that the journal lacks."""
        known = self._journalled()
        self.outcomes |= {case: known[str(case)] for case in chosen if str(case) in known}
        left = [case for case in chosen if case not in self.outcomes]
        for case in left:
            if case.moment == "start":
                self._record(case, self._at_start(case), left)
            elif case.moment == "boot":
                self._record(case, self._booted(case), left)
            elif case.moment != "run":
                self._record(case, self._at_command(case), left)
        waiting = [case for case in left if case.moment == "run"]
        while waiting:  # what a case left wrong ends the service: the others get a new one
            self._while_running(waiting, left)

    def _journalled(self) -> dict[str, str]:
        if self.journal is None or not self.journal.exists():
            return {}
        lines = self.journal.read_text().splitlines()
        return dict(json.loads(line) for line in lines)

    def _record(self, case: Case, outcome: str, left: list[Case]) -> None:
        self.outcomes[case] = outcome
        if self.journal is not None:
            with self.journal.open("a") as file:
                file.write(json.dumps([str(case), outcome]) + "\n")
            done = sum(case in self.outcomes for case in left)
            print(f"{done} of {len(left)}: {case}: {outcome[:100]}", file=sys.stderr)

    def _start(self, case: Case | None = None) -> Result:
        with self._copied(case) as home:
            return in_child(started, *self._served(home))

    def _served(self, home: Path) -> tuple[Path, str, Path]:
        return home, self.shop.keys["admin"], self.shop.home

    def _command(self, name: str, case: Case | None = None) -> Result:
        with self._copied(case) as home:
            return in_child(commanded, home, name)

    @contextmanager
    def _copied(self, case: Case | None) -> Iterator[Path]:
        """Yield a copy of the shop's home, damaged as `case` says."""
        home = self.folder / "case" / "shop"
        shutil.rmtree(home.parent, ignore_errors=True)
        shutil.copytree(self.shop.home, home)
        if case is not None:
            damage_file(home / case.file, case.damage, random.Random(f"{self.seed}{case}"))
        yield home

    def _at_start(self, case: Case) -> str:
        result = self._start(case)
        if "refused" in result:
            return _line(result["refused"], case)
        return _failure(result) or _told(judge(result["seen"], self._healthy))

    def _booted(self, case: Case) -> str:
        log = self.folder / "boot-log"
        log.unlink(missing_ok=True)
        with self._copied(case) as home:
            try:
                with target(home, log, workers=1) as running:
                    key, asked = self.shop.keys["admin"], probes(Workspace.open(self.shop.home))
                    prober = Prober(http=running.http, key=key, asked=asked, begun=0)
                    time.sleep(2.5)  # dependencies are measured once a second
                    return _told(judge(_settled(prober), self._healthy))
            except pytest.fail.Exception as failure:  # it ended, or is not ready in 120 s
                errors = [line for line in log.read_text().splitlines() if "error: " in line]
                if len(errors) == 1 and "Traceback" not in log.read_text():
                    return _line(errors[0], case)
                return f"CRASH {_flat(str(failure))[-300:]}"

    def _at_command(self, case: Case) -> str:
        result = self._command(case.moment, case)
        if failure := _failure(result):
            return failure
        if result["code"]:
            errors = result["stderr"].strip()
            if "Traceback" in errors or not errors:
                return f"TRACEBACK {_flat(errors)[-200:]}"
            return _line(errors.splitlines()[-1], case)
        if result["made"] == self._made[case.moment]:
            return "equal"
        return f"WRONG: done, with another result: {str(result['made'])[:80]}"

    def _while_running(self, waiting: list[Case], left: list[Case]) -> None:
        home = self.folder / "running"
        shutil.rmtree(home, ignore_errors=True)
        shop = self.shop.copy(home)
        with target(shop.home, self.folder / "log", workers=1) as running:
            asked = probes(Workspace.open(home))
            prober = Prober(http=running.http, key=shop.keys["admin"], asked=asked)
            healthy = _settled(prober)
            while waiting:
                case = waiting.pop()
                outcome = _run_case(
                    case, home, prober, healthy, random.Random(f"{self.seed}{case}")
                )
                self._record(case, outcome, left)
                if outcome.startswith(BAD):
                    return


def _run_case(case: Case, home: Path, prober: Prober, healthy: Seen, rng: random.Random) -> str:
    """Damage a file while the service runs, and put it back; return what was told."""
    prober.begun = time.time()
    try:
        with damaged_while_open(home / case.file, case.damage, rng):
            deadline = time.monotonic() + TELLS_S
            time.sleep(1.5)
            told = judge(prober.see(), healthy)
            while _wrong(told) and time.monotonic() < deadline:
                time.sleep(0.5)
                told = judge(prober.see(), healthy)
        outcome = _told(told)
        healthy_again = time.monotonic() + RECOVERS_S
        while left := judge(prober.see(), healthy).keys() - {"alarm"}:
            if time.monotonic() > healthy_again:
                return f"NOT BACK: {' '.join(sorted(left))}; {outcome}"
            time.sleep(0.5)
    except httpx.TransportError as error:
        return f"HANG: {error!r}"
    return outcome


def _settled(prober: Prober) -> Seen:
    """Return what is seen twice in a row; after TELLS_S the last: without their store, answers to
    an `Idempotency-Key` always differ."""
    seen, deadline = prober.see(), time.monotonic() + TELLS_S
    while (again := prober.see()) != seen and time.monotonic() < deadline:
        seen = again
        time.sleep(0.5)
    return seen


def _wrong(told: dict[str, str]) -> bool:
    return any(text.startswith("WRONG") for text in told.values())


def _told(told: dict[str, str]) -> str:
    if not told:
        return "equal"
    words = [f"{name}: {text}" for name, text in told.items()]
    return "; ".join(sorted(words, key=lambda w: "WRONG" not in w)) if not _wrong(told) else (
        "WRONG " + "; ".join(word for word in words if "WRONG" in word)
    )  # fmt: skip


def _line(message: str, case: Case) -> str:
    """Return the outcome of a refusal by one line, which must name the file."""
    named = {case.file.name, case.file.stem, *case.file.parts} - {"current.json", "current"}
    text = " ".join(message.split())
    wanted = named | {str(case.file)}
    if not any(part in text for part in wanted):
        return f"WRONG: the line does not name {case.file}: {text[:200]}"
    return f"refused: {text[:160]}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _failure(result: Result) -> str:
    if "hang" in result:
        return f"HANG: {result['hang']}"
    if "crash" in result:
        return f"CRASH: {_flat(result['crash'])[-300:]}"
    return ""


def _sort(outcome: str) -> str:
    if outcome.startswith(BAD):
        return "bad"
    return outcome if outcome == "equal" else "refused" if outcome[:8] == "refused:" else "told"


def damage(
    shop: Shop, folder: Path, *, journal: Path | None = None, sample: int = SAMPLE, seed: int = SEED
) -> Finding:
    """Try `sample` damages to copies of the workspace, or all (0); write the table."""
    folder.mkdir(parents=True, exist_ok=True)
    tried = Damages(shop=shop, folder=folder, seed=seed, journal=journal)
    chosen = tried.all_cases()
    tried.run(chosen[:sample] if sample else chosen)
    kinds = sorted({(case.kind, case.damage) for case in tried.outcomes})
    by_case = {(c.kind, c.damage, c.moment): outcome for c, outcome in tried.outcomes.items()}
    rows = [[k, d, *(by_case.get((k, d, m), "") for m in MOMENTS)] for k, d in kinds]
    file = write_table("damage", ["file", "damage", *MOMENTS], rows)
    counts = Counter(_sort(outcome) for outcome in tried.outcomes.values())
    faults = [f"{c}: {o}" for c, o in tried.outcomes.items() if o.startswith(BAD)]
    return Finding(
        attack="damaged files",
        count=len(tried.outcomes),
        figures=f"{len({k for k, _ in kinds})} kinds of files; "
        + ", ".join(f"{name} {count}" for name, count in counts.most_common())
        + f"; {file}",
        faults=tuple(faults),
    )
