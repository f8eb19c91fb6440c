"""Whether a version may become the champion: the rules, and a promotion that follows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Final

import pandas as pd

from configs.errors import UserError
from features.snapshots import CODE_VERSION
from features.workspace import Workspace
from training.evaluation.job import Job
from training.evaluation.leads import Lead
from training.models import spec
from training.promotion.evidence import Evidence, gather, same_settings, training_of
from training.promotion.leaks import leaking_features
from training.promotion.smoke import smoke_test
from training.registry import versions
from training.registry.outage import StoreOutage
from training.registry.versions import RegistryError, Version
from training.run import SILENT, Device, Progress, Run

STALE_DAYS: Final = 35
"""A version whose data end so many days before the clock has missed a whole month."""
MARGIN: Final = 0.02
"""A champion that is trained again with the same settings may lose this share of its figure."""
SMOKE_CUSTOMERS: Final = 50


class NotPromoted(UserError, RuntimeError):
    """Something speaks against the version; the message lists it, each with the way on."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found about a version before its promotion."""

    version: Version
    champion: str | None
    """The number of the champion that stood then; None without one."""
    evidence: Evidence | None
    """None where nobody could be measured."""
    objections: tuple[str, ...]
    """What speaks against it: what was found, and what to do."""


def examine(
    ws: Workspace,
    name: str,
    version: str | None = None,
    *,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> Verdict:
    """Return what speaks for and against a version, as `training.registry.versions.find` names it.

    The champion may have to be trained again, before the window in which both are compared. Nothing
    is changed but the workspace's snapshots. Raises RegistryError, NotEnoughData, WorkspaceError.
    """
    selected = versions.find(ws, name, version)
    number = versions.standing(ws, selected.name)
    champion, unreadable = _champion(ws, selected.name, number)
    job = training_of(ws, selected, progress=progress)
    compared = gather(selected, champion, job=job, run=_run(ws, device, progress))
    return Verdict(
        version=selected,
        champion=number,
        evidence=compared,
        objections=(
            *unreadable,
            *_of_data(ws, selected, champion, job),
            *_of_figures(selected, champion, compared),
            *_of_files(selected, job),
        ),
    )


def evidence_over(
    ws: Workspace,
    version: Version,
    older: Version,
    *,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> Evidence | None:
    """Return the evidence of `version` over another one of the same name and no later data cut.

    None if nobody could be measured.
    """
    job = training_of(ws, version, progress=progress)
    return gather(version, older, job=job, run=_run(ws, device, progress))


def promote(ws: Workspace, verdict: Verdict, *, because: str | None = None) -> Version:
    """Make the version of `verdict` the champion.

    A reason is recorded with the evidence and the objections. Raises NotPromoted if something
    speaks against it and no reason is given, and RegistryError if another version became the
    champion since the examination.
    """
    version, against = verdict.version, verdict.objections
    if against and not (because or "").strip():
        raise NotPromoted(
            f"{version.name} version {version.version} is not promoted: {'; '.join(against)}; to "
            "promote it all the same, give the reason: --because TEXT"
        )
    return versions.promote(
        ws,
        version.name,
        version.version,
        reason=because,
        evidence={
            "champion": verdict.champion,
            "compared": verdict.evidence and verdict.evidence.as_json(),
            "objections": [*against],
        },
    )


def _run(ws: Workspace, device: Device, progress: Progress) -> Run:
    return Run(
        on_epoch=lambda epoch, metrics: progress.on_epoch("champion", epoch, metrics),
        parts=ws.parts,
        device=device,
    )


def _champion(
    ws: Workspace, name: str, number: str | None
) -> tuple[Version | None, tuple[str, ...]]:
    """Return the champion, version `number` of `name`, and what speaks against its files."""
    if number is None:
        return None, ()
    try:
        return versions.find(ws, name, number), ()
    except (RegistryError, StoreOutage) as error:
        return None, (f"the champion, version {number}, cannot be read: {error}",)


def _of_data(ws: Workspace, version: Version, champion: Version | None, job: Job) -> Iterator[str]:
    as_of = pd.Timestamp(version.manifest.as_of)
    days = (ws.now() - as_of) / pd.Timedelta(days=1)
    again = f"fit {version.manifest.model} again"
    if days > STALE_DAYS:
        yield f"its data end {days:.0f} days before today, {STALE_DAYS} are allowed: {again}"
    if champion is not None and as_of < champion.manifest.as_of:
        yield (
            f"its data end before those of the champion, version {champion.version} "
            f"({champion.manifest.as_of.isoformat()}): {again}"
        )
    if job.data_digest != version.manifest.data_digest:
        yield (
            f"the rows known before {as_of.isoformat()} are others than those that it was trained "
            f"on: {again}"
        )
    if version.manifest.features_code != CODE_VERSION:
        yield f"its features were computed by other code than today's: {again}"
    leaking = {name for at in _checked_times(job) for name in leaking_features(ws, at)}
    if leaking:
        yield (
            f"these features hold rows of the future: {', '.join(sorted(leaking))}: correct their "
            f"definitions, remove the snapshots ({ws.snapshots}), and {again}"
        )


def _checked_times(job: Job) -> list[pd.Timestamp]:
    """Return two times of snapshots that models learn from: the window's start, and one before.

    The tables go on after them; after the data cut itself there is often nothing to leak.
    """
    if job.earlier is None:
        return [job.as_of]
    times = job.earlier.times
    return [times[len(times) // 2], times[-1]]


def _of_figures(
    version: Version, champion: Version | None, found: Evidence | None
) -> Iterator[str]:
    if found is None:
        why = version.unmeasured or "the version is of earlier code"
        yield f"nobody could be measured ({why}): fit it on more data, or with today's code"
        return
    best = found.best_baseline
    if not isfinite(found.mean):
        yield f"its figure is no number ({found.mean}): look at what it predicts"
    elif best is not None and not _passes(version, best):
        yield (
            f"it does not lead the best baseline, {_words(best)}: tune it, train it on more data, "
            f"or fit and promote {best.over}"
        )
    if champion is None or champion.version == version.version:
        return
    lead = found.champion
    if lead is None:
        yield f"it is not compared with the champion: {found.champion_unmeasured}"
    elif same_settings(version, champion):
        if not lead.low >= -MARGIN * abs(lead.mean):
            yield (
                f"it may be worse than the champion of the same settings by more than "
                f"{MARGIN:.0%}, {_words(lead)}: look at the data since the champion's cut"
            )
    elif not lead.low > 0:
        yield f"it does not lead the champion, {_words(lead)}: keep the champion"


def _passes(version: Version, best: Lead) -> bool:
    """Return whether a version may be promoted beside its best baseline.

    A model that is the best of its baselines cannot lead them all: it must not be worse.
    """
    if spec(version.manifest.model).chooses:
        return not best.high < 0
    return best.low > 0


def _of_files(version: Version, job: Job) -> Iterator[str]:
    customers, products = job.stored_rows(customers=SMOKE_CUSTOMERS)
    if customers.empty:
        return
    wrong = smoke_test(version.bundle, customers, products)
    if wrong is not None:
        yield (
            f"its packaged files fail in a process of their own ({wrong}): restore "
            f"{version.bundle} from a backup, or fit the model again with another --seed"
        )


def _words(lead: Lead) -> str:
    return f"{lead.over}: {lead.value:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}]"
