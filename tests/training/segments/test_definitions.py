"""Definitions: keys, versions, and what is no definition."""

import json
from pathlib import Path

import pandas as pd
import pytest

from configs.json_files import DamagedFile
from training.segments.definitions import BUILT_IN, MOST, Definitions, check_key
from training.segments.fields import FIELDS, KINDS
from training.segments.filter_parser import FilterError, parse
from training.segments.membership import SegmentError

AT = pd.Timestamp("2024-03-15T00:00:00Z")


def test_a_filter_is_stored_in_utc_and_read_again(tmp_path: Path) -> None:
    stored = Definitions(tmp_path)
    text = 'last_order_timestamp >= "2024-03-01" and not country = "France"'
    added = stored.put("march", text, timezone="Europe/Berlin", now=AT)
    assert added.filter == (
        'last_order_timestamp >= "2024-02-29T23:00:00Z" and not country = "France"'
    )
    assert added.parsed() == parse(text, KINDS, timezone="Europe/Berlin")
    assert Definitions(tmp_path).history() == {"march": (added,)}
    assert added.defined_timestamp == AT


@pytest.mark.parametrize(
    "key", ["", "-a", "Big", "a b", "a" * 64, "a/b", "a\n", "outside", "rfm-mine", "rfm", "é"]
)
def test_a_key_that_no_segment_may_have(tmp_path: Path, key: str) -> None:
    with pytest.raises(SegmentError, match="segment "):
        Definitions(tmp_path).put(key, "orders_total > 1", timezone="UTC", now=AT)
    assert not list(tmp_path.iterdir())


def test_the_segments_of_every_shop_have_keys_of_their_own() -> None:
    assert len(BUILT_IN) == 12
    assert str(BUILT_IN["rfm-needs-attention"]) == 'rfm_group = "Needs Attention"'
    assert str(BUILT_IN["lifecycle-won-back"]) == 'lifecycle = "won_back"'
    for key in BUILT_IN:
        with pytest.raises(SegmentError):
            check_key(key)


def test_a_text_that_is_no_filter_stores_nothing(tmp_path: Path) -> None:
    with pytest.raises(FilterError, match="did you mean spend_90d"):
        Definitions(tmp_path).put("big", "spnd_90d > 1", timezone="UTC", now=AT)
    assert not list(tmp_path.iterdir())


def test_a_shop_has_a_bounded_number(tmp_path: Path) -> None:
    version = {"version": 1, "filter": "orders_total > 1", "defined_timestamp": AT.isoformat()}
    full = {"segments": {f"s{at}": [version] for at in range(MOST)}}
    (tmp_path / "definitions.json").write_text(json.dumps(full))
    stored = Definitions(tmp_path)
    with pytest.raises(SegmentError, match="at most 500"):
        stored.put("more", "orders_total > 1", timezone="UTC", now=AT)
    assert stored.put("s1", "orders_total > 2", timezone="UTC", now=AT).version == 2


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "definitions.json"
    for content in ("{", '{"segments": {"a": [{"filter": 1}]}}', '{"other": 1}'):
        file.write_text(content)
        with pytest.raises(DamagedFile, match=r"definitions\.json"):
            Definitions(tmp_path).current()


def test_every_field_says_its_unit_and_its_window() -> None:
    assert FIELDS["orders_90d_last_year"].meaning == "orders; from 365 to 275 days ago"
    for name, field in FIELDS.items():
        assert field.meaning, name
        if field.kind == "number":
            assert ";" in field.meaning, name
        for days in ("30d", "90d", "365d"):
            if name.endswith(days):
                assert f"last {days[:-1]} days" in field.meaning, name
