"""A full disk: for a running service, and for commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features.workspace import Workspace
from tests.attack.findings import Finding
from tests.attack.target import target
from tests.attack.wire import Connection, request
from tests.attack.workspace import Shop, order
from tests.serving.server import Server
from tests.serving.shop import until

SIZE: Final = 64
"""MiB of the disk."""
FULL: Final = {"list": "200 exposure_log_unavailable", "event": "503 store_unavailable"}
MOST: Final = 2_000
"""Requests until a service must have noticed that the disk is full."""
COMMANDS: Final = (
    ("features", "materialize"),
    ("features", "build"),
    ("training", "fit", "popularity"),
    ("training", "promote", "recommender", "--version", "2", "--because", "a full disk"),
)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a small file system at `folder`; None where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no free byte until the block ends."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for size in (2**20, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


def disks(shop: Shop, folder: Path, *, commands: int = len(COMMANDS)) -> list[Finding]:
    """Serve, and run the first `commands` of COMMANDS, on a disk that fills up."""
    with small_disk(folder / "disk") as disk:
        if disk is None:
            why = "mounting a tmpfs is not allowed here"
            return [Finding(attack="full disk", count=0, skipped=why)]
        on_disk = shop.copy(disk / "shop")
        found = [_served(on_disk, disk, folder / "log")]
        found += [_commanded(on_disk, disk, command) for command in COMMANDS[:commands]]
    return found


def _served(shop: Shop, disk: Path, log: Path) -> Finding:
    faults: list[str] = []
    ws = Workspace.open(shop.home)
    with target(shop.home, log, workers=1) as running:
        before = _answers(running, shop, order(8_000, ws))
        if before != {"list": "200", "event": "202"}:
            faults.append(f"before: {before}")
        with filled(disk):
            for number in range(MOST):  # the databases' own files have some room left
                full = _answers(running, shop, order(8_001 + number, ws))
                if full == FULL:
                    break
            else:
                faults.append(f"on a full disk: {full}")
            if running.http.get("/livez").status_code != 200:
                faults.append("/livez does not answer on a full disk")
        until(lambda: _answers(running, shop, order(8_000, ws)) == before)
    return Finding(
        attack="full disk: serving", count=1, figures=f"{full}, then {before}", faults=tuple(faults)
    )


def _answers(running: Server, shop: Shop, event: dict[str, Any]) -> dict[str, str]:
    asked = {
        "list": ("/v1/recommendations", {"customer_id": "C01", "k": 3}),
        "event": ("/v1/events", {"events": [event]}),
    }
    told = {}
    for name, (path, body) in asked.items():
        with Connection(running.port) as connection:
            sent = request("POST", path, key=shop.keys["admin"], body=json.dumps(body).encode())
            answer = connection.ask(sent)
        content = json.loads(answer.body)
        reason = content.get("code") or content.get("fallback_reason") or ""
        told[name] = f"{answer.status} {reason}".strip()
    return told


def _commanded(shop: Shop, disk: Path, words: tuple[str, ...]) -> Finding:
    """A command on a full disk ends with one line, and works when there is space again."""
    package, *rest = words
    command = [sys.executable, "-m", package, *rest, "--home", str(shop.home)]
    scratch = {**os.environ, "TMPDIR": str(disk)}
    ws, faults = Workspace.open(shop.home), []
    ws.advance(ws.now() + pd.Timedelta(hours=1))  # there is something to do

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, capture_output=True, text=True, check=False, env=scratch)

    with filled(disk):
        full = run()
    if full.returncode and ("Traceback" in full.stderr or not _one_error(full.stderr)):
        faults.append(f"no single line: {full.stderr[-200:]}")
    after = run()
    if after.returncode:
        faults.append(f"later: {after.stderr[-200:]}")
    told = full.stderr.strip().splitlines()[-1][:160] if full.returncode else "done"
    return Finding(
        attack=f"full disk: {' '.join(words[:2])}", count=1, figures=told, faults=tuple(faults)
    )


def _one_error(text: str) -> bool:
    return sum(line.startswith("error:") for line in text.splitlines()) == 1
