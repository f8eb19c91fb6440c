"""`python -m training segments tree`, and `clusters`: groups of customers, found in the data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, open_console, user_errors

if TYPE_CHECKING:
    from training.reports.text_table import TextTable
    from training.segments.churn_tree import ChurnTree
    from training.segments.clusters import Clusters

Overrides = Annotated[
    list[str] | None, typer.Argument(help="Settings that override the defaults: key=value ...")
]
AsOf = Annotated[
    str | None,
    typer.Option(help="Of what was known before this local day (YYYY-MM-DD); else now."),
]


def tree(overrides: Overrides = None, *, as_of: AsOf = None, home: Home = HOME) -> None:
    """Show rules in words that divide the active customers by how many of them leave.

    Learned at earlier times; counted in the last finished window. Each rule is also shown as a
    filter for `define`. Example: python -m training segments tree --as-of 2011-09-11
    horizon_days=60 depth=2
    """
    with user_errors():
        from configs.loader import load_config
        from features.tables import PinnedTables
        from features.workspace import Workspace
        from training.commands.display import table
        from training.segments.churn_tree import ChurnTreeConfig, churn_tree

        config = load_config(ChurnTreeConfig, overrides=overrides or ())
        ws = Workspace.open(home)
        cut = ws.cut(as_of)
        with open_console(stderr=True).status("Read the tables") as status:
            found = churn_tree(
                PinnedTables(ws),
                config,
                as_of=cut,
                progress=lambda done, total: status.update(f"{done} of {total} times"),
            )
        console = open_console()
        console.print(table(_tree_table(found, horizon_days=config.horizon_days)), highlight=False)
        for number, rule in enumerate(found.rules, start=1):
            console.print(f"{number}: {rule.words}", highlight=False, soft_wrap=True)
            if rule.filter is not None:
                console.print(f"   {rule.filter}", highlight=False, soft_wrap=True)
        rules, one = found.brier
        console.print(
            f"Mean squared error: {rules:.4f} of the rules, {one:.4f} of one rate for everyone",
            highlight=False,
        )


def clusters(
    overrides: Overrides = None,
    *,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(help="A Parquet file: customer_id, cluster.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Show clusters of the active customers by when, how often and for how much they order.

    k is the one with the best silhouette; the stability compares with the clusters of a month
    before. Example: python -m training segments clusters --as-of 2011-09-11 most=6
    """
    with user_errors():
        import pandas as pd

        from configs.loader import load_config
        from features.tables import PinnedTables
        from features.workspace import Workspace
        from training.commands.display import table
        from training.score import write_scores
        from training.segments.clusters import ClustersConfig
        from training.segments.clusters import clusters as divide

        config = load_config(ClustersConfig, overrides=overrides or ())
        ws = Workspace.open(home)
        cut = ws.cut(as_of)
        local = cut.tz_convert(ws.timezone).tz_localize(None) - pd.DateOffset(months=1)
        zoned = local.tz_localize(ws.timezone, nonexistent="shift_forward", ambiguous=True)
        before = zoned.tz_convert("UTC").as_unit("us")
        with open_console(stderr=True).status("Divide the customers"):
            found = divide(PinnedTables(ws), config, as_of=cut, before=before)
        console = open_console()
        title = f"{len(found.customers):,} active customers at {cut.isoformat()}"
        console.print(table(_cluster_table(found, title=title)), highlight=False)
        for number, cluster in enumerate(found.clusters, start=1):
            console.print(f"{number}: {cluster.name}", highlight=False, soft_wrap=True)
        best = ", ".join(f"{k}: {value:.3f}" for k, value in found.silhouettes.items())
        console.print(f"Silhouette by number of clusters: {best}", highlight=False)
        console.print(
            f"Adjusted Rand index with {before.isoformat()}: {found.stability:.2f} for the "
            f"customers of now, by the clusters of both times; {found.stayed:.2f} for those "
            "who were active at both, where each was and is",
            highlight=False,
            soft_wrap=True,
        )
        if output is not None:
            write_scores(found.customers, output)
            console.print(f"{output}: {len(found.customers):,} customers")


def _tree_table(found: "ChurnTree", *, horizon_days: int) -> "TextTable":
    from training.reports.text_table import TextTable

    rows = []
    for number, rule in enumerate(found.rules, start=1):
        low, high = rule.interval
        rate = f"{rule.rate:.1%}" if rule.customers else "-"
        rows.append(
            (
                str(number),
                f"{rule.trained:,}",
                f"{rule.trained_rate:.1%}",
                f"{rule.customers:,}",
                rate,
                f"{low:.1%} .. {high:.1%}",
            )
        )
    customers, churned = found.everyone
    trained = sum(rule.trained for rule in found.rules)
    learned = sum(rule.trained * rule.trained_rate for rule in found.rules) / trained
    rows.append(
        (
            "all",
            f"{trained:,}",
            f"{learned:.1%}",
            f"{customers:,}",
            f"{churned / customers:.1%}",
            "",
        )
    )
    return TextTable(
        title=(
            f"Who orders nothing in {horizon_days} days: learned at {len(found.times)} times to "
            f"{found.times[-1].date()}, counted at {found.tested_at.date()}"
        ),
        columns=("rule", "learned from", "churn there", "customers", "churn", "95% interval"),
        rows=tuple(rows),
    )


def _cluster_table(found: "Clusters", *, title: str) -> "TextTable":
    from training.reports.text_table import TextTable
    from training.segments.clusters import INPUTS

    rows = [
        (
            str(number),
            f"{cluster.size:,}",
            *(f"{cluster.means[each]:,.1f} ({cluster.z_scores[each]:+.1f})" for each in INPUTS),
        )
        for number, cluster in enumerate(found.clusters, start=1)
    ]
    return TextTable(
        title=f"{title}: means (z-scores of the logarithms)",
        columns=("cluster", "customers", *INPUTS.values()),
        rows=tuple(rows),
    )
