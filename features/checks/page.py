"""Figures and doubts as one HTML page without scripts, styles or images from elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from configs.durable import replacing
from features.checks.doubt import Doubt
from features.checks.figures import Figures
from features.checks.plots import draw
from features.checks.wording import rows

_TEMPLATE: Final = Path(__file__).with_name("page.html")


def write_page(
    path: Path, figures: Figures, doubts: Sequence[Doubt], *, title: str, mode: int
) -> None:
    """Replace the file `path` by the page, in one step. Raises OSError.

    Every text is escaped: ids come from files of strangers.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(
        title=title,
        rows=list(rows(figures)),
        doubts=doubts,
        plots=Markup(draw(figures)),  # made here, of numbers
        largest=figures.largest_by_orders,
        currency=figures.currency,
        months=[
            (month, figures.orders_by_month.get(month, 0), revenue)
            for month, revenue in figures.revenue_by_month.items()
        ],
    )
    with replacing(path, mode=mode) as file:
        file.write(page.encode())
