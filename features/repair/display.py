"""What a repair found, as a user reads it."""

from collections.abc import Iterator
from datetime import timedelta

from rich.table import Table

from features.logs.stamps import MAX_LEAD
from features.repair.findings import Finding
from features.repair.repair import Report


def show(report: Report, *, applied: bool) -> Iterator[Table | str]:
    """Yield the report's parts, to be printed in order."""
    yield f"The clock stands at {report.now.isoformat()}"
    if report.interrupted:
        yield "An earlier repair was interrupted" + ("; it is done now" if applied else "")
    if report.findings:
        yield _table(report.findings, applied=applied)
    else:
        minutes = MAX_LEAD // timedelta(minutes=1)
        yield f"Nothing is stamped more than {minutes} minutes ahead of it"
    for damage in report.damaged:
        yield (
            f"{damage.place}: {damage.rows:,} rows are damaged (the first: {damage.first}); "
            "restore the file from a copy"
        )
    if report.findings and applied:
        yield "The logs keep the former times in their tables `restamped`"
    elif report.findings or report.interrupted:
        yield (
            "If the clock is right, run this again with --apply. If it is wrong, set it and change "
            "nothing."
        )


def _table(findings: list[Finding], *, applied: bool) -> Table:
    table = Table(title="Stamped ahead of the clock", title_justify="left")
    for name in ("where", "rows", "from", "to"):
        table.add_column(name, justify="right" if name == "rows" else "left")
    if applied:
        table.add_column("became")
    for finding in findings:
        row = [finding.place, f"{finding.rows:,}", *map(str, (finding.first, finding.last))]
        table.add_row(*row, *([_became(finding)] if applied else []))
    return table


def _became(finding: Finding) -> str:
    if finding.became is None:
        return "removed" if finding.removed else ""
    first, last = finding.became
    return str(first) if first == last else f"{first} to {last}"
