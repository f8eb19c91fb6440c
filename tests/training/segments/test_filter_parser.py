"""The language of filters: what is read, what is refused and how, and back to text."""

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.training.segments.random_filters import COLUMNS, FILTERS
from training.segments.filter_parser import MAX_DEPTH, MAX_LENGTH, FilterError, parse
from training.segments.filters import And, Compare, Filter, In, Known, Not, Or

ONE = Compare("orders", "number", "=", 1.0)
_PIECES = st.sampled_from(
    [
        *("and", "or", "not", "in", "is", "known", "unknown", "(", ")", ",", "=", "!=", "<", ">="),
        *COLUMNS,
        *('"tea"', '"2024-01-01"', '"\\ud800"', '"', "1", "-0.5", "1e999", "\\", "\x00", "\ud800"),
    ]
)


@settings(max_examples=500, derandomize=True)
@given(node=FILTERS)
def test_str_is_read_as_the_same_filter(node: Filter) -> None:
    assert parse(str(node), COLUMNS) == node


@settings(max_examples=500, derandomize=True)
@given(text=st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=12).map(" ".join)))
@example(text="(" * 5000)
@example(text="not " * 1000 + "orders = 1")
@example(text="orders = " + "9" * 4000)
@example(text='last_order = "0001-01-01"')
@example(text='last_order = "9999-12-31T23:59:59-12:00"')
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    for timezone in ("UTC", "Asia/Tokyo", "America/New_York"):
        try:
            node = parse(text, COLUMNS, timezone=timezone)
        except FilterError as error:
            assert 1 <= error.position <= len(text) + 1  # noqa: PT017
            assert text[error.position - 1 :].startswith(error.found)  # noqa: PT017
            assert str(error).isprintable()  # noqa: PT017
        else:
            assert parse(str(node), COLUMNS) == node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("orders=1", ONE),
        ("  orders\n=\t1 ", ONE),
        ("orders = 1e0", ONE),
        ("(((orders = 1)))", ONE),
        ("NOT orders = 1", Not(ONE)),
        ("not not orders = 1", Not(Not(ONE))),
        ("not orders = 1 and orders = 1", And((Not(ONE), ONE))),
        ("not (orders = 1 and orders = 1)", Not(And((ONE, ONE)))),
        ("orders = 1 or orders = 1 and orders = 1", Or((ONE, And((ONE, ONE))))),
        ("(orders = 1 or orders = 1) and orders = 1", And((Or((ONE, ONE)), ONE))),
        ("orders = 1 and (orders = 1 and orders = 1)", And((ONE, And((ONE, ONE))))),
        ("orders = 1 And orders = 1 aND orders = 1", And((ONE, ONE, ONE))),
        ("spend_90d <= -0.5", Compare("spend_90d", "number", "<=", -0.5)),
        (r'category = "\"\\\/\n\u8336"', Compare("category", "text", "=", '"\\/\n茶')),
        ('category != "and"', Compare("category", "text", "!=", "and")),
        ('tags in ("a", "b")', In("tags", "texts", ("a", "b"))),
        ("tags is unknown", Known("tags", "texts", known=False)),
        ("tags Is Known", Known("tags", "texts", known=True)),
    ],
)
def test_what_is_read(text: str, node: Filter) -> None:
    assert parse(text, COLUMNS) == node


def test_how_values_are_written() -> None:
    berlin = pd.Timestamp("2024-07-01", tz="Europe/Berlin")
    written = {
        Compare("orders", "number", ">", 100.0): "orders > 100",
        Compare("orders", "number", ">", 1e22): "orders > 1e+22",
        Compare("category", "text", "=", '茶"'): r'category = "茶\""',
        Compare("last_order", "time", "<", berlin): 'last_order < "2024-06-30T22:00:00Z"',
    }
    for node, text in written.items():
        assert str(node) == text
        assert parse(text, COLUMNS) == node


@pytest.mark.parametrize(
    ("text", "timezone", "time"),
    [
        ("2024-07-01", "UTC", "2024-07-01T00:00:00Z"),
        ("2024-07-01", "Europe/Berlin", "2024-06-30T22:00:00Z"),
        ("2024-07-01T00:00:00+09:00", "Europe/Berlin", "2024-06-30T15:00:00Z"),
        ("2024-07-01T00:00:00.25Z", "UTC", "2024-07-01T00:00:00.25Z"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"),  # no such midnight: 01:00
    ],
)
def test_times(text: str, timezone: str, time: str) -> None:
    node = parse(f'last_order < "{text}"', COLUMNS, timezone=timezone)
    assert node == Compare("last_order", "time", "<", pd.Timestamp(time))
    assert parse(str(node), COLUMNS, timezone="Asia/Tokyo") == node


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 1, "found the end, expected a column"),
        ("spend90d > 1", 1, "found spend90d, expected a column; did you mean spend_90d?"),
        ("orders = 1 and CATEGORIES = 1", 16, "did you mean category?"),
        ("xyz > 1", 1, "one of category, last_order, orders, spend_90d, tags"),
        ("orders", 7, "found the end, expected =, !=, <, <=, >, >=, in or is, after a column"),
        ("orders == 1", 9, "found =, expected a number, such as 100 or -0.5"),
        ('orders = "1"', 10, 'found "1", expected a number'),
        ("orders = .5", 10, "found ., expected a number"),
        ("orders = 1e999", 10, "found 1e999, expected a number below 1e308"),
        ("orders = 1 orders = 1", 12, "found orders, expected and, or, or the end"),
        ("orders = 1)", 11, "found ), expected and, or, or the end"),
        ("(orders = 1", 12, "found the end, expected and, or or )"),
        ("orders = 1 and", 15, "found the end, expected a column, not or ("),
        ("and orders = 1", 1, "found and, expected a column, not or ("),
        ("category = tea", 12, "found tea, expected a text in double quotes"),
        ("category = 'tea'", 12, "found ', expected a text in double quotes"),
        ('category = "tea', 12, 'found "tea, expected a double quote at the end of this text'),
        (r'category = "\x"', 12, "expected a text with the escapes"),
        (r'category = "\ud800"', 12, "expected a text with the escapes"),
        ('category < "tea"', 10, "found <, expected =, !=, in or is, after a column of type text"),
        ('tags >= "tea"', 6, "found >=, expected =, !=, in or is, after a column of type texts"),
        ("last_order < 3", 14, "found 3, expected a time in double quotes"),
        ('last_order < "soon"', 14, 'found "soon", expected a time such as "2011-07-01"'),
        ('last_order < "2024-02-30"', 14, "expected a time such as"),
        ('last_order < "2024-01-01T00:00:00"', 14, "expected a time such as"),
        ("orders in 1", 11, "found 1, expected ("),
        ("orders in ()", 12, "found ), expected a number"),
        ("orders in (1; 2)", 13, "found ;, expected , or )"),
        ("orders is null", 11, "found null, expected known or unknown"),
        ("orders = 1 # so", 12, "found #, expected and, or, or the end"),
    ],
)
def test_an_error_names_position_text_and_what_is_expected(
    text: str, position: int, message: str
) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, COLUMNS)
    assert caught.value.position == position
    assert str(caught.value).startswith(f"position {position}: found ")
    assert message in str(caught.value)


def test_length_is_limited() -> None:
    longest = "orders = 1".ljust(MAX_LENGTH)
    assert parse(longest, COLUMNS) == ONE
    with pytest.raises(FilterError, match="at most 4,096 characters, not 4,097"):
        parse(longest + " ", COLUMNS)
    times = ", ".join(['"2024-07-01"'] * 280)  # 13 characters each, 23 when written in full
    with pytest.raises(FilterError, match="when written in full"):
        parse(f"last_order in ({times})", COLUMNS)


@pytest.mark.parametrize("opening", ["(", "not "])
def test_depth_is_limited(opening: str) -> None:
    def nested(depth: int) -> str:
        return opening * depth + "orders = 1" + (")" * depth if opening == "(" else "")

    parse(nested(MAX_DEPTH), COLUMNS)
    parse(" and ".join([nested(MAX_DEPTH)] * 3), COLUMNS)  # beside, not within, each other
    with pytest.raises(FilterError, match="expected at most 32 open") as caught:
        parse(nested(MAX_DEPTH + 1), COLUMNS)
    assert caught.value.position == len(opening) * MAX_DEPTH + 1


@pytest.mark.parametrize("name", ["in", "NOT", "two words", 'a"b', "", "1st", "größe"])
def test_a_column_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name and type of a column"):
        parse("orders = 1", COLUMNS | {name: "number"})


def test_long_text_is_shortened_in_a_message() -> None:
    with pytest.raises(FilterError, match=r"found x{37}\.\.\., expected"):
        parse("x" * 100, COLUMNS)
