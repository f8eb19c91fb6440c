"""`training promote`: a version becomes the champion on evidence."""

from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import DeviceName, Name

if TYPE_CHECKING:
    from training.promotion.evidence import Evidence
    from training.registry.versions import Version
    from training.reports.text_table import TextTable


def promote(
    model: Name,
    *,
    version: Annotated[str | None, typer.Option(help="Its number; else the newest.")] = None,
    because: Annotated[
        str | None,
        typer.Option(help="Promote it whatever speaks against it; the reason is recorded."),
    ] = None,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Make a version the champion, if the evidence is for it: serving then takes it.

    On the last window before its data cut, the version must lead its best baseline and the standing
    champion (paired 95% intervals above 0); the same settings on newer data need not lead the
    champion, but their interval must end above a loss of 2%. Its data must be recent, its features
    free of the future and of today's code, and its packaged files must answer in a process of their
    own.

    Example: python -m training promote churn --because "the first model of this shop"
    """
    with user_errors():
        from features.workspace import Workspace
        from training.commands.display import console, show, table
        from training.promotion.gate import examine
        from training.promotion.gate import promote as run

        ws = Workspace.open(home)
        with show(epochs=None) as display:
            verdict = examine(ws, model, version, device=device, progress=display.progress)
        chosen = verdict.version
        if verdict.evidence is not None:
            console.print(table(lead_table(chosen, verdict.evidence)))
        run(ws, verdict, because=because)
        for text in verdict.objections:
            console.print(f"Against it: {text}", soft_wrap=True, highlight=False)
        console.print(f"{chosen.name} version {chosen.version} is the champion: serving takes it.")


def lead_table(version: "Version", found: "Evidence") -> "TextTable":
    """Return the mean figures of `version` and of the others, and its leads over them."""
    from training.reports.text_table import TextTable

    rows = [(version.manifest.model, f"{found.mean:.4f}", "", "")]
    leads = [(lead, lead.over) for lead in found.baselines]
    if found.champion is not None:
        lead = found.champion
        leads.append((lead, f"{lead.over}, the champion ({found.champion_measured})"))
    rows += [
        (name, f"{lead.mean:.4f}", f"{lead.value:+.4f}", f"{lead.low:+.4f} .. {lead.high:+.4f}")
        for lead, name in leads
    ]
    return TextTable(
        title=f"{version.name} version {version.version} on {found.customers:,} customers from "
        f"{found.start[:10]} to {found.end[:10]}, all trained before: {found.figure}",
        columns=("model", "mean", "lead of the version", "95% interval"),
        rows=tuple(rows),
    )
