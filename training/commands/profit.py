"""`python -m training profit`: whom to contact so that they do not leave, and what that earns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from configs.cli import HOME, Home, user_errors
from training.commands.options import AsOf, DeviceName, Seed, cut_of

if TYPE_CHECKING:
    import pandas as pd

    from training.interfaces import CustomerModel

CONTACTS: Final = "contacts.csv"
PLOT: Final = "profit.svg"


def profit(
    *,
    margin: Annotated[float, typer.Option(help="Gross margin, a share of the spend: 0.4.")],
    contact_cost: Annotated[float, typer.Option(help="Of one contact, in the shop's currency.")],
    save_rate: Annotated[
        float, typer.Option(help="Share of would-be churners who order because of the contact.")
    ],
    save_rate_low: Annotated[
        float | None, typer.Option(help="Low end of the save rate's interval.")
    ] = None,
    save_rate_high: Annotated[float | None, typer.Option(help="Its high end.")] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="A file of `score customers` of the same --as-of; else scores them."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="The customer model that scores, without --scores.")
    ] = "customers",
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(help=f"A folder for {CONTACTS} and {PLOT}.")
    ] = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Choose whom to contact against churn, by expected profit; compare with simpler choices.

    The gain of a contact is save_rate x P(churn) x value of a saved customer x margin - cost. A
    saved customer spends expected_spend / (1 - P(churn)), bounded by the customer's usual order
    value. Take the save rate from a test: (orderers among contacted - orderers among not contacted)
    / (1 - orderers among not contacted), as shares. Example: python -m training profit
    --scores customers.parquet --as-of 2011-09-11 --margin 0.4 --contact-cost 1.5 --save-rate 0.1
    --save-rate-low 0.05 --save-rate-high 0.15
    """
    with user_errors():
        from configs.loader import load_config
        from features.workspace import Workspace
        from training.commands.display import console, table
        from training.reports.profit_plot import profit_table
        from training.value.contacts import contacts, read_scores, scored
        from training.value.profit import ProfitConfig, plan

        settings = {
            "margin": margin,
            "contact_cost": contact_cost,
            "save_rate": save_rate,
            "save_rate_low": save_rate_low,
            "save_rate_high": save_rate_high,
        }
        given = [f"{name}={value}" for name, value in settings.items() if value is not None]
        config = load_config(ProfitConfig, overrides=given)
        ws = Workspace.open(home)
        if scores is None:
            rows = _score(model, as_of=as_of, seed=seed, device=device, home=home)
        else:
            rows = read_scores(scores)
        customers = scored(ws, rows, as_of=cut_of(ws, as_of))
        found = plan(customers, config)
        console.print(table(profit_table(found, currency=ws.currency)), highlight=False)
        if output is not None:
            from training.reports.panels import write_plot
            from training.reports.profit_plot import draw_profit
            from training.score import write_csv

            write_csv(contacts(customers, found, config), output / CONTACTS)
            with draw_profit(customers, found, config, currency=ws.currency) as figure:
                write_plot(figure, output / PLOT)
            for file in (CONTACTS, PLOT):
                console.print(f"{output / file}", highlight=False, soft_wrap=True)


def _score(
    model: str, *, as_of: str | None, seed: int, device: DeviceName, home: Path
) -> "pd.DataFrame":
    """Return the predictions of customer model `model`, fitted where no version fits."""
    from training.commands.score import fitted
    from training.score import predictions

    bundle, data = fitted("customers", model, as_of=as_of, seed=seed, device=device, home=home)
    return predictions(cast("CustomerModel", bundle.model), data, family="customers")
