"""The card of a version: what it is for, from which data, how good, and how to make it again."""

import json
from typing import Final

import pandas as pd

from training.bundle import Manifest
from training.evaluation.last_window import Assessment
from training.evaluation.leads import leads
from training.models import spec

FILE: Final = "model_card.md"
_COUNTS: Final = ("customers", "new_customers")


def model_card(manifest: Manifest, assessment: Assessment, *, days: int, extent: str) -> str:
    """Return the card (Markdown) of the version of `manifest`.

    `assessment` is of the window of `days` days before its data cut; `extent` says what the data
    hold.
    """
    end = pd.Timestamp(manifest.as_of)
    window = f"{(end - pd.Timedelta(days=days)).date()} to {end.date()}"
    settings = json.dumps(manifest.config, sort_keys=True)
    return "\n".join(
        [
            f"# {manifest.name}: {manifest.model}",
            "",
            f"{_purpose(manifest.model, days)} {_sentence(extent)}",
            "",
            "## Measured",
            "",
            *_measured(manifest, assessment, window=window),
            "",
            "## Made from",
            "",
            "| | |",
            "|---|---|",
            f"| rows known before | {manifest.as_of.isoformat()} |",
            f"| their digest | `{manifest.data_digest}` |",
            f"| code of the features | `{manifest.features_code}` |",
            f"| commit | `{manifest.git_commit}` |",
            f"| seed | {manifest.seed} |",
            f"| settings | `{settings}` |",
            "",
            "## Limits",
            "",
            "- The figures are of one window and one seed; an interval is one over its customers.",
            *(["- The number of epochs was chosen on that window."] if assessment.history else []),
            "",
        ]
    )


def _purpose(model: str, days: int) -> str:
    if spec(model).family.scores is None:
        return f"It ranks products for each customer; it is measured on the next {days} days."
    return f"It predicts what each customer does in the next {days} days."


def _measured(manifest: Manifest, assessment: Assessment, *, window: str) -> list[str]:
    """Return the figures beside the baselines', and the leads over them, as Markdown."""
    if assessment.unmeasured is not None:
        return [f"Nobody could be measured: {assessment.unmeasured}."]
    columns = {manifest.model: assessment.metrics, **assessment.baselines}
    rows = [
        f"| {name} | " + " | ".join(_figure(name, m.get(name)) for m in columns.values()) + " |"
        for name in assessment.metrics
    ]
    own = assessment.by_customer[manifest.model]
    others = {n: f for n, f in assessment.by_customer.items() if n != manifest.model}
    return [
        f"From {window}, by models that were trained before.",
        "",
        f"| | {' | '.join(columns)} |",
        f"|---{'|---' * len(columns)}|",
        *rows,
        "",
        f"Lead in {spec(manifest.model).family.compared_by}, {len(own):,} customers, paired 95% "
        "intervals:",
        "",
        *(f"- over {x.over}: {x.value:+.4f} [{x.low:+.4f}, {x.high:+.4f}]"
          for x in leads(own, others)),
    ]  # fmt: skip


def _figure(name: str, value: float | None) -> str:
    if value is None or pd.isna(value):
        return "-"
    return f"{value:,.0f}" if name in _COUNTS else f"{value:.4f}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
