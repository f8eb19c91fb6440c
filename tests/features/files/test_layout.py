"""A layout is refused where no file can have it."""

import pytest

from configs.loader import ConfigError, load_config
from features.files.layout import Layout


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("encoding=utf-9", "not an encoding that Python knows"),
        ("encoding=base64", "not an encoding that Python knows"),
        ("delimiter='\"'", "no delimiter"),
        ("delimiter=;;", "at most 1 character"),
        ("header_row=0", "greater than or equal to 1"),
    ],
)
def test_what_no_file_has_is_refused(override: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        load_config(Layout, overrides=[override])


def test_sheets_are_one_name_or_a_list() -> None:
    assert load_config(Layout, overrides=["sheet=Orders"]).sheets == ("Orders",)
    assert load_config(Layout, overrides=["sheet=[a, b]"]).sheets == ("a", "b")
    assert Layout().sheets is None
