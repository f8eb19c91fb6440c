"""Text is stripped of what nobody sees."""

import pandas as pd
import pytest

from features.files.cells import text


@pytest.mark.parametrize(
    "blank", ["", " ", "\t", "\u00a0", "\u200b", "\ufeff", "\u3000", " \u200b "]
)
def test_blanks_at_the_ends_are_no_text(blank: str) -> None:
    given = pd.Series([f"{blank}green\u00a0tea{blank}", blank, None], index=[2, 3, 4])
    read = text(given)
    assert read.fillna("null").to_dict() == {2: "green\u00a0tea", 3: "null", 4: "null"}
    assert read.dtype == "string[pyarrow]"
