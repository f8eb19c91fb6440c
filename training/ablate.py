"""What each part of a model is worth: the whole model compared with one trained without the part.

Every variant is trained on what was known before a window and measured in it after its last epoch:
no number of epochs is chosen there. Each is trained with several seeds, whose figures are averaged;
an interval is the uncertainty of the mean over the customers. The lists are stored in the
workspace's checkpoints under the key of the job, so that an interrupted ablation resumes.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, get_args

import pandas as pd

from configs.loader import Config, ConfigError
from features.workspace import Workspace
from training.data.windows import WINDOW_DAYS
from training.evaluation.intervals import Estimate, Sample, compare
from training.evaluation.job import Job, prepare
from training.evaluation.recommender_judge import K, Lists
from training.evaluation.segments import EVERYONE, SegmentList, Window, window_of
from training.evaluation.stored_lists import read_lists, write_lists
from training.models import UnknownModel, recommender_class
from training.recommenders.two_tower import towers
from training.registry.artifacts import write_text
from training.registry.tracking import Tracking, tracked
from training.reports.text_table import TextTable
from training.run import SILENT, Device, Progress, Run

FILE: Final = "ablation.csv"
NDCG: Final = f"ndcg_at_{K}"
WHOLE: Final = "nothing"
PARTS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "two_tower": {
        **{part: {"without": (part,)} for part in get_args(towers.TowerPart)},
        "new_loss": {"new_weight": 0.0},
        "learning_rate_decay": {"learning_rate_decay": 1.0},
        "id_dropout": {"id_dropout": 0.0},
    }
}
"""By model: its parts, and the settings that leave each out; a tuple extends the config's own."""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The figures of a model and of its variants, each without one part, in a window."""

    model: str
    config: Config
    seeds: int
    as_of: pd.Timestamp
    timezone: str
    figures: pd.DataFrame
    """A row per variant, segment and list: NDCG@10 and the lead of the whole model, means over the
    seeds with 95% intervals over the customers, and NDCG@10 with each seed."""
    run_id: str
    """The MLflow run that holds all this."""


def ablate(
    ws: Workspace,
    model: str,
    *,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seeds: int = 3,
    parts: Sequence[str] | None = None,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> Ablation:
    """Measure `model` and its variants on the last window of 28 days before `as_of` (UTC).

    `parts` are left out in turn, by default all of the model's; seeds count from 0. Raises
    UnknownModel for a model without parts, ConfigError for an unknown part, NotEnoughData or
    WorkspaceError if the window has no data to train on or to measure.
    """
    variants = {WHOLE: {}, **_known(model, parts)}
    job = prepare(ws, model, as_of=as_of, config=config, progress=progress)
    works = [
        (name, replace(job, config=_changed(job.config, settings), seed=seed))
        for seed in range(seeds)
        for name, settings in variants.items()
    ]
    tags = {"kind": "ablation", **job.tags, "seed": f"0 to {seeds - 1}"}
    with tracked(ws, key=None, name=f"ablate {model}", tags=tags) as (tracking, run_id):
        window = window_of(job.full, at=job.past.as_of, days=WINDOW_DAYS)
        samples: dict[SegmentList, list[dict[str, Sample]]] = {}
        for done, (name, work) in enumerate(works, start=1):
            lists = _rank(work, window, name, device=device, progress=progress)
            for part, sample in window.samples(lists).items():
                by_seed = samples.setdefault(part, [{} for _ in range(seeds)])
                by_seed[work.seed][name] = sample
            progress.on_model(done, len(works))
        ablation = Ablation(
            model=model,
            config=job.config,
            seeds=seeds,
            as_of=as_of,
            timezone=ws.timezone,
            figures=_figures(samples),
            run_id=run_id,
        )
        _log(tracking, ablation)
    return ablation


def grid(ablation: Ablation) -> TextTable:
    """Return the console's table: NDCG by variant and list, and the lead of the whole model."""
    everyone = ablation.figures[ablation.figures["segment"] == EVERYONE]
    rows: dict[str, list[str]] = {}
    for row in everyone.to_dict("records"):  # the list "all" before "new"
        lead = f"{row['lead']:+.4f}", f"{row['lead_low']:+.3f}, {row['lead_high']:+.3f}"
        shown = ("", "") if row["without"] == WHOLE else lead
        rows.setdefault(row["without"], []).extend([f"{row[NDCG]:.4f}", *shown])
    counts = everyone.drop_duplicates("list").set_index("list")["customers"]
    day = ablation.as_of.tz_convert(ablation.timezone).date()
    return TextTable(
        title=f"NDCG@{K} of {ablation.model} without a part, and by how much the whole leads: mean "
        f"of {ablation.seeds} seeds, the {WINDOW_DAYS} days before {day}, "
        + ", ".join(f"list {name!r} of {count} customers" for name, count in counts.items()),
        columns=(
            "without",
            *(text for name in counts.index for text in (name, "lead", "95% interval")),
        ),
        rows=tuple((variant, *shown) for variant, shown in rows.items()),
    )


def _figures(samples: Mapping[SegmentList, Sequence[Mapping[str, Sample]]]) -> pd.DataFrame:
    """Return the figures of each part's `samples`, which hold every variant for each seed."""
    rows: list[dict[str, object]] = []
    no_lead = Estimate(value=0.0, low=0.0, high=0.0)
    for (segment, name), by_seed in samples.items():
        comparison = compare(by_seed, seed=0)
        for variant in comparison.means if comparison.customers else ():
            mean = comparison.means[variant][NDCG]
            lead = no_lead if variant == WHOLE else comparison.leads[variant][NDCG]
            row = {
                "without": variant,
                "segment": segment,
                "list": name,
                "customers": len(by_seed[0][variant].customer_ids),
            }
            row |= {NDCG: mean.value, f"{NDCG}_low": mean.low, f"{NDCG}_high": mean.high}
            row |= {"lead": lead.value, "lead_low": lead.low, "lead_high": lead.high}
            for seed, by_variant in enumerate(by_seed):
                row[f"{NDCG}_seed_{seed}"] = by_variant[variant].figures[NDCG].mean()
            rows.append(row)
    return pd.DataFrame(rows)


def _known(model: str, parts: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """Return the settings that leave out each of `parts` of `model`."""
    if model not in PARTS:
        raise UnknownModel(f"model {model!r}: parts can be left out only of {', '.join(PARTS)}")
    known = PARTS[model]
    for part in parts or ():
        if part not in known:
            raise ConfigError(f"parts = {part!r}: those of {model} are {', '.join(known)}")
    return {part: known[part] for part in parts or known}


def _changed(config: Config, settings: dict[str, Any]) -> Config:
    added = {
        key: (*getattr(config, key), *value) if isinstance(value, tuple) else value
        for key, value in settings.items()
    }
    return config.model_copy(update=added)


def _rank(job: Job, window: Window, name: str, *, device: Device, progress: Progress) -> Lists:
    """Return the lists of the job's model in `window` after its last epoch."""
    folder = job.ws.checkpoints / "ablate" / job.key
    file, training = folder / "lists.npz", folder / "training"
    if not file.exists():
        on_epoch = partial(progress.on_epoch, f"without {name}")
        run = Run(on_epoch=on_epoch, checkpoints=training, device=device)
        model = recommender_class(job.model).fit(
            job.past, config=job.config, seed=job.seed, run=run
        )
        write_lists(file, window.lists(model))
        shutil.rmtree(training)
    return read_lists(file)


def _log(tracking: Tracking, ablation: Ablation) -> None:
    """Log the settings, the figures of all customers, and every figure as FILE."""
    run_id = ablation.run_id
    settings = ablation.config.model_dump(mode="json")
    tracking.log_params(run_id, {**settings, "seeds": ablation.seeds})
    everyone = ablation.figures[ablation.figures["segment"] == EVERYONE]
    for row in everyone.to_dict("records"):
        prefix = f"{row['without']}.{row['list']}"
        tracking.log_metrics(run_id, {f"{prefix}.{name}": row[name] for name in (NDCG, "lead")})
    write_text(tracking.artifacts(run_id) / FILE, ablation.figures.to_csv(index=False))
