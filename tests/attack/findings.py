"""What an attack found, and the table of all of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.attack.settings import FOLDER


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one attack."""

    attack: str
    count: int
    """Connections, calls, cases or kills."""
    figures: str = ""
    faults: tuple[str, ...] = ()
    """The promises that were broken; none: the attack was withstood."""
    skipped: str = ""
    """Why the attack could not be run here."""

    @property
    def verdict(self) -> str:
        """`held`, `skipped: WHY`, or the broken promises."""
        if self.skipped:
            return f"skipped: {self.skipped}"
        return "; ".join(f[:200] for f in self.faults[:3]) if self.faults else "held"


def show(findings: Iterable[Finding], *, title: str) -> None:
    """Print `findings` as a table."""
    table = Table(title=title, title_justify="left")
    for name, justify in (("attack", "left"), ("count", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("figures", overflow="fold")
    table.add_column("verdict", overflow="fold")
    for finding in findings:
        table.add_row(finding.attack, f"{finding.count:,}", finding.figures, finding.verdict)
    Console(markup=False, width=None if Console().is_terminal else 200).print(table)


def add_up(name: str, **counts: int) -> dict[str, int]:
    """Add `counts` to those of earlier runs under `name` in FOLDER; return the sums."""
    file = FOLDER / f"{name}.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    before: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    sums = {key: before.get(key, 0) + counts.get(key, 0) for key in {*before, *counts}}
    file.write_text(json.dumps(sums, sort_keys=True))
    return sums


def write_table(name: str, head: list[str], rows: list[list[str]]) -> Path:
    """Write a Markdown table to FOLDER and return its file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = [head, ["---"] * len(head), *rows]
    text = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in r) + " |" for r in lines)
    file = FOLDER / f"{name}.md"
    file.write_text(text + "\n", encoding="utf-8")
    return file
