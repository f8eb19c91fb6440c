"""What became of the rows of a file, as a user reads it."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from features.ingest import Reconciliation


def reconciliation_table(result: "Reconciliation") -> Table:
    """Return the number of rows by result: the parts add up to the first line."""
    table = Table(title=f"Reconciliation: {result.source}", title_justify="left")
    table.add_column("order lines")
    table.add_column("rows", justify="right")
    table.add_row("read", f"{result.read:,}", end_section=True)
    for kind, rows in result.kept.items():
        table.add_row(f"kept: {kind}", f"{rows:,}")
    for reason, rows in result.dropped.items():
        table.add_row(f"dropped: {reason}", f"{rows:,}")
    parts = sum(result.kept.values()) + sum(result.dropped.values())
    table.add_row("kept + dropped", f"{parts:,}", end_section=True)
    for fault, rows in result.warnings.items():
        table.add_row(f"mended: {fault}", f"{rows:,}")
    for note, rows in result.notes.items():
        table.add_row(f"note: {note}", f"{rows:,}")
    for name, rows in result.tables.items():
        table.add_row(f"{name} stored (new)", f"{rows:,} ({result.added[name]:,})")
    return table
