"""The page and the terminal's tables: everything shown, nothing of a stranger's interpreted."""

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from features.checks.display import show
from features.checks.doubt import Doubt
from features.checks.page import write_page
from features.checks.plots import draw
from tests.features.checks.ordinary_shop import Row, doubts_of, figures_of, ordinary

ATTACK = "<script>alert('x')</script>$\\frac{"


def attacked() -> tuple[list[Row], list[Doubt]]:
    rows = ordinary(lambda order, _: {"customer_id": ATTACK} if order % 3 == 0 else {})
    return rows, list(doubts_of(rows).values())


def test_the_page_escapes_ids(tmp_path: Path) -> None:
    rows, found = attacked()
    write_page(tmp_path / "check.html", figures_of(rows), found, title="<script>shop", mode=0o600)
    text = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(") >= 3  # the doubt, the figures, the customers
    assert "guest_ids" in text
    assert [path.name for path in tmp_path.iterdir()] == ["check.html"]


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    write_page(tmp_path / "check.html", figures_of(ordinary()), [], title="A shop", mode=0o600)
    text = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert "src=" not in text
    assert "default-src 'none'" in text
    assert "None." in text  # no doubt


def test_the_plots_are_one_svg_and_the_same_each_time() -> None:
    svg = draw(figures_of(ordinary()))
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "net revenue by month, EUR" in svg
    assert svg == draw(figures_of(ordinary()))


def test_an_empty_shop_has_a_page(tmp_path: Path) -> None:
    write_page(tmp_path / "check.html", figures_of([]), [], title="Empty", mode=0o600)
    assert "Every order is a guest" in (tmp_path / "check.html").read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_old_page(tmp_path: Path) -> None:
    (tmp_path / "check.html").mkdir()
    with pytest.raises(OSError, match=r"check\.html"):
        write_page(tmp_path / "check.html", figures_of([]), [], title="Empty", mode=0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["check.html"]


def printed(rows: list[Row], found: list[Doubt]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80)
    for part in show(figures_of(rows), found):
        console.print(part)
    return out.getvalue()


def test_the_terminal_shows_figures_and_doubts_in_80_columns() -> None:
    rows = ordinary(lambda n, _: {"customer_id": "[red]" + "x" * 120} if n % 3 == 0 else {})
    text = printed(rows, list(doubts_of(rows).values()))
    assert max(len(row) for row in text.splitlines()) <= 80
    assert "…" not in text
    assert "[red]xxx" in text  # no markup
    assert "2011-02" in text
    joined = " ".join(text.split())
    assert "doubt: customer '[red]" in joined
    assert "-> if it stands for guests: `guest_ids:" in joined


def test_without_doubts_it_says_so() -> None:
    assert "no doubts" in printed(ordinary(), [])
