"""The champion's settings on today's data: a challenger, and a champion only if that is asked for.

Safe from cron, also twice at once: a second process waits for the training of the first, and finds
its version.
"""

from dataclasses import dataclass

import pandas as pd

from features.workspace import Workspace
from training.fit import fit
from training.promotion.evidence import config_of
from training.promotion.gate import Verdict, examine, promote
from training.registry import versions
from training.registry.versions import CHAMPION, Version
from training.run import SILENT, Device, Progress


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh made."""

    version: Version
    reused: bool
    """Whether the version existed already: nothing happened since."""
    verdict: Verdict
    promoted: bool


def refresh(
    ws: Workspace,
    name: str,
    *,
    as_of: pd.Timestamp,
    promoting: bool = False,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> Refreshed:
    """Train the champion's model and settings again on the data before `as_of` (UTC).

    The version becomes the alias `challenger`; with `promoting`, the champion too if nothing speaks
    against it. Epochs are chosen again. Raises RegistryError without a champion, NotEnoughData.
    """
    champion = versions.find(ws, name, CHAMPION)
    manifest = champion.manifest
    result = fit(
        ws,
        manifest.model,
        as_of=as_of,
        config=config_of(champion, requested=True),
        seed=manifest.seed,
        device=device,
        progress=progress,
    )
    made = result.version
    versions.challenge(ws, made)
    verdict = examine(ws, made.name, made.version, device=device, progress=progress)
    promoted = promoting and not verdict.objections and made.version != champion.version
    if promoted:
        promote(ws, verdict)
    return Refreshed(version=made, reused=result.reused, verdict=verdict, promoted=promoted)
