"""Files in many spellings: each part of the spelling is right in the mapping, or a question."""

import codecs
from decimal import Decimal
from pathlib import Path

import pytest

from features.inspect.inspect import inspect
from tests.features.inspect.generated import Spelling, lines, mapping_of, write

_DE, _US = "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M"
SPELLINGS = [
    Spelling(),
    Spelling(delimiter=";"),
    Spelling(delimiter="\t", time_format="%Y-%m-%dT%H:%M:%S"),
    Spelling(delimiter="|", time_format="%Y/%m/%d %H:%M"),
    Spelling(encoding="utf-8-sig", thousands=","),
    Spelling(time_format="%m/%d/%Y %I:%M %p"),
    Spelling(time_format="%d %b %Y %H:%M"),
    Spelling(time_format="%d/%m/%y"),
    Spelling(time_format=_US, days=12),
    Spelling(time_format="%Y%m%d%H%M%S"),
    Spelling(time_format="%Y-%m-%d %H:%M:%S UTC"),
    Spelling(time_format="%Y-%m-%d %H:%M:%S +0100"),
    Spelling(encoding="utf-16", delimiter="\t"),
    Spelling(language="kaggle", time_format=_US),
    Spelling(language="shopify", time_format="%Y-%m-%d %H:%M:%S +0100"),
    Spelling(language="de", delimiter=";", decimal=",", time_format=_DE),
    Spelling(language="de", delimiter=";", decimal=",", encoding="cp1252", time_format=_DE),
    Spelling(language="de", delimiter=";", decimal=",", thousands=".", time_format=_DE),
    Spelling(language="de", delimiter=";", decimal=",", thousands="'", time_format="%d.%m.%y"),
    Spelling(language="de", delimiter=";", decimal=",", time_format=_DE, days=12),
    Spelling(language="fr", delimiter=";", decimal=",", thousands=" ", encoding="cp1252"),
    Spelling(language="fr", delimiter=",", decimal=",", time_format="%d/%m/%Y %H:%M"),
    Spelling(language="es", delimiter=";", decimal=",", time_format="%H:%M %d-%m-%Y"),
    Spelling(language="zh", encoding="gbk", time_format="%Y/%m/%d %H:%M:%S"),
    Spelling(language="zh", encoding="utf-16-le", time_format="%Y年%m月%d日 %H时%M分"),
    Spelling(language="zh", encoding="gb18030", thousands=",", time_format="%Y-%m-%d %H:%M"),
    Spelling(language="ja", encoding="shift_jis", time_format="%Y/%m/%d %H:%M"),
    Spelling(language="ja", encoding="utf-8-sig", time_format="%Y年%m月%d日"),
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
def test_each_part_of_the_spelling_is_right_or_asked(tmp_path: Path, spelling: Spelling) -> None:
    file = write(tmp_path / "orders.csv", spelling)
    seen = inspect([file], timezone="Europe/Berlin", currency="EUR")
    mapping = mapping_of(seen.mapping, tmp_path)
    assert mapping.delimiter == spelling.delimiter
    assert "encoding" in seen.questions or _same_text(file, mapping.encoding, spelling.encoding)
    assert "decimal" in seen.questions or mapping.decimal == spelling.decimal
    assert "thousands" in seen.questions or mapping.thousands == spelling.thousands
    if "time_format" not in seen.questions:
        dated = spelling.time_format.replace("UTC", "%Z").replace("+0100", "%z")
        iso = dated.replace("T", " ").startswith("%Y-%m-%d %H:%M")
        assert mapping.time_format == dated or (mapping.time_format == "ISO8601" and iso)


def _same_text(file: Path, one: str, other: str) -> bool:
    content = file.read_bytes()
    plain = codecs.decode(content, other).removeprefix("\ufeff")
    return codecs.decode(content, one).removeprefix("\ufeff") == plain


@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
def test_the_figures_are_those_of_the_truth(tmp_path: Path, spelling: Spelling) -> None:
    file = write(tmp_path / "orders.csv", spelling)
    seen = inspect([file], timezone="Europe/Berlin", currency="EUR")
    truth = lines(spelling.days)
    assert seen.refusal is None
    assert seen.figures is not None
    assert seen.figures.orders == len({order for order, *_ in truth})
    assert seen.figures.customers == len({line[2] for line in truth} - {""})
    assert seen.figures.guest_orders == len({line[0] for line in truth if not line[2]})
    assert seen.figures.units_sold == sum(line[4] for line in truth)
    revenue = sum(round(line[4] * line[5] * 100) for line in truth)
    assert seen.figures.net_revenue == Decimal(revenue) / 100


@pytest.mark.parametrize("days", [12, 25])
def test_only_a_part_above_12_decides_between_day_and_month(tmp_path: Path, days: int) -> None:
    spelling = Spelling(time_format="%m/%d/%Y %H:%M", days=days)
    seen = inspect([write(tmp_path / "orders.csv", spelling)])
    assert ("time_format" in seen.questions) == (days == 12)
    if days == 25:
        assert mapping_of(seen.mapping, tmp_path).time_format == spelling.time_format


def test_the_zone_and_the_currency_are_asked_unless_given(tmp_path: Path) -> None:
    file = write(tmp_path / "orders.csv", Spelling())
    mapping = mapping_of(inspect([file]).mapping, tmp_path)
    assert set(mapping.questions) == {"timezone", "currency"}
    given = inspect([file], timezone="Asia/Tokyo", currency="JPY")
    mapping = mapping_of(given.mapping, tmp_path)
    assert (mapping.timezone, mapping.currency, dict(mapping.questions)) == (
        "Asia/Tokyo",
        "JPY",
        {},
    )
