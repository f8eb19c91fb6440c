"""Workspaces that are copied, and what must not change in their original."""

import hashlib
import shutil
from pathlib import Path

from features.workspace import Workspace
from tests.training.shop import Shop
from training.customers.baselines import RecencyConfig
from training.fit import fit
from training.registry.versions import promote

Contents = dict[str, tuple[str, int]]


def unregistered(shop: Shop, home: Path) -> Workspace:
    """Return the shop at `home`, without any version, whatever other tests made of it."""
    ws = copied(shop.ws, home)
    forget_ledger(ws)
    for file in ("mlflow.db", "optuna.db"):
        (home / file).unlink(missing_ok=True)
    for folder in (ws.artifacts, ws.bundles, ws.checkpoints):
        shutil.rmtree(folder, ignore_errors=True)
    return Workspace.create(home, clock=f"fixed:{shop.full.as_of.isoformat()}")


def registered(shop: Shop, home: Path) -> Workspace:
    """Return the shop at `home`, with a promoted version of each of two names."""
    ws = unregistered(shop, home)
    fit(ws, "popularity", as_of=shop.full.as_of)
    fit(ws, "recency", as_of=shop.full.as_of, config=RecencyConfig(horizon_days=28))
    promote(ws, "recommender")
    promote(ws, "churn")
    return ws


def of_older_code(shop: Shop, home: Path) -> Workspace:
    """Return the shop at `home` with three versions of the recommender, and without a ledger."""
    ws = registered(shop, home)
    for model in ("own_purchases", "ease"):
        fit(ws, model, as_of=shop.full.as_of)
    forget_ledger(ws)
    return ws


def forget_ledger(ws: Workspace) -> None:
    """Remove the ledger, so that the next move begins one."""
    for file in ws.home.glob("*ledger.db*"):
        file.unlink()


def copied(ws: Workspace, home: Path) -> Workspace:
    """Return a copy of `ws` at `home`."""
    return Workspace.open(Path(shutil.copytree(ws.home, home)))


def spoil(ws: Workspace) -> Contents:
    """Make every file of `ws` unreadable nonsense; return its contents."""
    for file in _files(ws.home):
        file.write_bytes(b"a read of the original")
    return contents(ws.home)


def contents(folder: Path) -> Contents:
    """Return the digest and the time of the last change of each file below `folder`."""
    return {
        str(file): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in _files(folder)
    }


def naming(folder: Path, text: str) -> set[str]:
    """Return the files below `folder` whose bytes hold `text`, without Python's own caches."""
    return {
        str(file.relative_to(folder))
        for file in _files(folder)
        if "__pycache__" not in file.parts and text.encode() in file.read_bytes()
    }


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
