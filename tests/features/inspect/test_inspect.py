"""Several files, times in two columns, zones, and the YAML itself."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from configs.loader import ConfigError
from features.datasets import csv
from features.inspect.draft import Draft
from features.inspect.inspect import inspect
from features.inspect.write import to_yaml
from features.schema import BadInput
from tests.features.inspect.generated import Spelling, inspected, lines, mapping_of, write

_HEADER = "order_id,customer_id,sku,qty,price,date,time\n"


def test_a_date_and_a_time_of_day_are_joined(tmp_path: Path) -> None:
    rows = "1,c,A,1,5,13.01.2024,10:15\n2,c,A,1,5,14.01.2024,23:45\n"
    seen, mapping = inspected(tmp_path, _HEADER + rows, timezone="Europe/Berlin")
    assert mapping.order_lines.event_timestamp == ("date", "time")
    assert mapping.time_format == "%d.%m.%Y %H:%M"
    assert seen.figures is not None
    assert str(seen.figures.last_order) == "2024-01-14 22:45:00+00:00"


def test_a_workbook_s_date_at_midnight_takes_the_time_from_its_column(tmp_path: Path) -> None:
    rows = "1,c,A,1,5,2024-01-13 00:00:00,10:15:00\n2,c,A,1,5,2024-01-14 00:00:00,11:00:00\n"
    seen, _ = inspected(tmp_path, _HEADER + rows, timezone="UTC")
    assert seen.figures is not None
    assert str(seen.figures.first_order) == "2024-01-13 10:15:00+00:00"


@pytest.mark.parametrize(
    ("cells", "zone"),
    [
        (("2024-02-03 10:00:00 +0100", "2024-07-03 10:00:00 +0200"), "Europe/Berlin"),
        (("2024-02-03 10:00:00 -05:00", "2024-07-03 10:00:00 -04:00"), "America/New_York"),
        (("2024-02-03 10:00:00 CET", "2024-07-03 10:00:00 CEST"), "Europe/Berlin"),
        (("2024-02-03T10:00:00Z", "2024-07-03T10:00:00Z"), "UTC"),
    ],
)
def test_a_zone_that_fits_the_offsets_is_proposed_as_a_question(
    tmp_path: Path, cells: tuple[str, str], zone: str
) -> None:
    rows = "".join(f"{n},c,A,1,5,{cell},\n" for n, cell in enumerate(cells))
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert mapping.timezone == zone
    assert "timezone" in seen.questions
    assert seen.refusal is None


def test_order_heads_and_products_in_files_of_their_own(tmp_path: Path) -> None:
    heads, items, products = (tmp_path / name for name in ("heads.csv", "items.csv", "p.csv"))
    heads.write_text("number;customer_id;created_at\nO1;c1;2024-01-05 10:00\nO2;c2;2024-01-06\n")
    items.write_text("order_id,line no,sku,qty,price\nO1,1,7,2,5\nO1,2,8,1,7\nO2,1,7,1,5\n")
    products.write_text("id,name\n7,Tea\n8,Mug\n9,Pot\n")
    seen = inspect([heads, products, items], timezone="UTC", currency="EUR")
    mapping = mapping_of(seen.mapping, tmp_path)
    assert seen.order_files == (items,)
    (found,) = mapping.order_heads
    assert (found.order_id, found.line_order_id) == ("number", "order_id")
    assert mapping.products is not None
    assert (mapping.products.product_id, mapping.products.title) == ("id", "name")
    assert seen.figures is not None
    assert seen.figures.customers == 2
    assert seen.figures.net_revenue == 22
    assert seen.figures.products_listed == 3


def test_files_with_the_same_columns_are_one_table(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", Spelling())
    other = tmp_path / "other.csv"
    other.write_text(one.read_text().replace("#1", "#2"))
    seen = inspect([one, other], timezone="UTC", currency="EUR")
    assert seen.order_files == (one, other)
    assert seen.figures is not None
    assert seen.figures.orders == 2 * len({order for order, *_ in lines()})


def test_files_of_one_table_in_two_layouts_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", Spelling())
    other = write(tmp_path / "other.csv", Spelling(delimiter=";"))
    with pytest.raises(BadInput, match=r"not laid out as one\.csv"):
        inspect([one, other])


def test_ingest_refuses_until_the_questions_are_removed(tmp_path: Path) -> None:
    file = write(tmp_path / "orders.csv", Spelling())
    seen = inspect([file])
    with pytest.raises(ConfigError, match=r"questions\.timezone: whose clock"):
        csv.load(file, mapping_of(seen.mapping, tmp_path))
    answered = seen.mapping.partition("\nquestions:")[0]
    with pytest.raises(ConfigError, match="timezone and currency missing: write it, or give"):
        mapping_of(answered, tmp_path)  # removing a question answers nothing
    answered += "\ntimezone: Europe/Berlin\ncurrency: EUR\n"
    dataset = csv.load(file, mapping_of(answered, tmp_path))
    assert len(dataset.order_lines) == len(lines())


def test_every_line_of_the_mapping_has_its_reason_above_it(tmp_path: Path) -> None:
    text = inspect([write(tmp_path / "orders.csv", Spelling())]).mapping
    body = text.partition("# Remove each line")[0].splitlines()
    for before, line in pairwise(body):
        if re.match(r" *\w+: ", line):
            assert before.strip().startswith("#"), line


def test_odd_names_survive_the_yaml(tmp_path: Path) -> None:
    name = 'no: "x" # \\ \u2028\ufeff 😀 {a: [b]}'
    draft = Draft(values={"timezone": "UTC", "currency": "EUR", "guest_ids": [name, "no", "0010"]})
    roles = ("order_id", "event_timestamp", "product_id", "unit_price", "customer_id")
    for role in roles:
        draft.put(f"order_lines.{role}", name, f"a reason\nwith {name}")
    draft.ask("timezone", f"what is {name}?")
    mapping = mapping_of(to_yaml(draft, [tmp_path / "a\nb.csv"]), tmp_path)
    assert mapping.order_lines.product_id == name
    assert mapping.guest_ids == (name, "no", "0010")
    assert mapping.questions["timezone"] == f"what is {name}?"


def test_a_preset_whose_columns_the_file_has_is_named(tmp_path: Path) -> None:
    kaggle = write(tmp_path / "orders.csv", Spelling(language="kaggle"))
    note = "the columns are those of `ingest csv --preset kaggle_online_retail`"
    assert note in inspect([kaggle]).evidence[""]
    other = write(tmp_path / "other.csv", Spelling())
    assert note not in inspect([other]).evidence.get("", ())
