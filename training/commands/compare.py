"""`training compare`: two versions, customer by customer in one window."""

from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import DeviceName

if TYPE_CHECKING:
    from training.promotion.evidence import Evidence
    from training.registry.versions import Version

VERSION = "recommender@3, churn@champion, or a model's name for its newest version."


def compare(
    a: Annotated[str, typer.Argument(help=VERSION)],
    b: Annotated[str, typer.Argument(help="The other version.")],
    *,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Say which of two versions is better, on the same customers of one window.

    The window is the last one before the newer data cut. The older version is measured there as it
    stands if it was trained before; else its settings are trained again before the window. The
    interval is a paired bootstrap over the customers: it knows nothing of other seeds or windows.
    """
    with user_errors():
        from features.workspace import Workspace
        from training.commands.display import compare_metrics, console, show
        from training.promotion.gate import evidence_over
        from training.registry.versions import RegistryError, find

        ws = Workspace.open(home)
        chosen = {text: find(ws, *text.split("@", 1)) for text in (a, b)}
        if chosen[a] == chosen[b]:
            raise RegistryError(f"{a} and {b} are the same version, {chosen[a].version}")
        for text, each in chosen.items():
            manifest = each.manifest
            console.print(
                f"{text}: {each.name} version {each.version}, {manifest.model}, "
                f"data before {manifest.as_of.isoformat()}, seed {manifest.seed}"
            )
        console.print(compare_metrics("", {t: each.manifest.metrics for t, each in chosen.items()}))
        if len({(each.manifest.as_of, each.manifest.data_digest) for each in chosen.values()}) > 1:
            console.print("Their data cuts differ, so these figures are of different windows.")
        older, newer = sorted(chosen, key=lambda text: _age(chosen[text]))
        if chosen[older].name != chosen[newer].name:
            return
        with show(epochs=None) as display:
            found = evidence_over(
                ws, chosen[newer], chosen[older], device=device, progress=display.progress
            )
        console.print(_verdict(found, newer, older), soft_wrap=True, highlight=False)


def _age(version: "Version") -> tuple[object, int]:
    return version.manifest.as_of, int(version.version)


def _verdict(found: "Evidence | None", newer: str, older: str) -> str:
    """Return what is known about two versions, in words."""
    if found is None:
        return f"{newer} was not measured by customer, so they do not compare: fit it again."
    if found.champion is None:
        return f"They do not compare: {older}: {found.champion_unmeasured}."
    lead = found.champion
    low, high = sorted((abs(lead.low), abs(lead.high)))
    where = (
        f"on {found.customers:,} customers from {found.start[:10]} to {found.end[:10]}, "
        f"{older} {found.champion_measured}. The figure is {found.figure}."
    )
    if lead.low <= 0 <= lead.high:
        return (
            f"No difference is shown between {newer} and {older}: {lead.value:+.4f} "
            f"(95% interval {lead.low:+.4f} to {lead.high:+.4f}) {where}"
        )
    first, second = (newer, older) if lead.value > 0 else (older, newer)
    return (
        f"{first} leads {second} by {abs(lead.value):.4f} (95% interval {low:.4f} to {high:.4f}) "
        f"{where}"
    )
