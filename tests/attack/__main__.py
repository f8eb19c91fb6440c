"""Attack real servers: `python -m tests.attack [ATTACK ...]`, by default all; see settings.py."""

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from configs.code import byte_digest
from serving.api.endpoints import endpoints
from tests.attack import clocks, damage, disks, fuzz, kills, races, rim, signals
from tests.attack.findings import Finding, show
from tests.attack.hostile import KINDS
from tests.attack.settings import CALLS, FOLDER, KILLS, SEED, share_s
from tests.attack.target import target
from tests.attack.workspace import Shop, complete, made_once


def _rim(shop: Shop, folder: Path) -> Iterable[Finding]:
    seconds = share_s(0.3 / (3 * len(KINDS)))
    yield from rim.rim(shop, folder / "log", seconds=seconds)


def _descriptors(shop: Shop, folder: Path) -> Iterable[Finding]:
    yield rim.descriptors(shop, folder / "log")


def _fuzz(shop: Shop, folder: Path) -> Iterable[Finding]:
    paths = [(endpoint.method, endpoint.path) for endpoint in endpoints()]
    with target(shop.home, folder / "log") as running:
        yield fuzz.fuzz(
            running.port, shop.keys["admin"], endpoints=paths, log=folder / "log",
            seconds=share_s(0.2), calls=CALLS,
        )  # fmt: skip


def _damage(shop: Shop, folder: Path) -> Iterable[Finding]:
    journal = FOLDER / f"damage-{byte_digest()}-{SEED}.jsonl"
    yield damage.damage(shop, folder / "damage", journal=journal)


def _clocks(_: Shop, folder: Path) -> Iterable[Finding]:
    yield clocks.clocks(folder)


def _disks(shop: Shop, folder: Path) -> Iterable[Finding]:
    yield from disks.disks(shop, folder)


def _signals(shop: Shop, folder: Path) -> Iterable[Finding]:
    yield from signals.signals(shop, folder / "log")


def _races(shop: Shop, folder: Path) -> Iterable[Finding]:
    yield from races.races(shop, folder / "log")


def _kills(shop: Shop, folder: Path) -> Iterable[Finding]:
    yield kills.kills(shop, folder / "log", count=KILLS)


ATTACKS: Final[dict[str, Callable[[Shop, Path], Iterable[Finding]]]] = {
    "rim": _rim, "descriptors": _descriptors, "fuzz": _fuzz, "signals": _signals,
    "races": _races, "clocks": _clocks, "disks": _disks, "kills": _kills, "damage": _damage,
}  # fmt: skip


def main(names: list[str]) -> int:
    """Run the attacks `names`, each on a copy of the shop of its own; return 1 if one succeeded."""
    if unknown := {*names} - ATTACKS.keys():
        print(f"error: {unknown}: one of {', '.join(ATTACKS)}", file=sys.stderr)
        return 2
    shop = made_once(FOLDER / f"shop-{byte_digest()}", complete)
    found: list[Finding] = []
    for name in names or ATTACKS:
        with tempfile.TemporaryDirectory(prefix=f"regulars-{name}-") as scratch:
            folder = Path(scratch)
            new = list(ATTACKS[name](shop.copy(folder / "shop-under-attack"), folder))
        show(new, title=f"{name}, seed {SEED}")
        found += new
    broken = [finding for finding in found if finding.faults]
    for finding in broken:
        print(f"{finding.attack}:", *finding.faults[:20], sep="\n  ")
    print(f"{len(found)} attacks, {len(broken)} of them broke a promise")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
