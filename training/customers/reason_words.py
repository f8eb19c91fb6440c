"""The reasons of a customer's prediction in plain words, English and Chinese."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from configs.languages import Language
from training.customers.reasons import Reason


class _Fact(NamedTuple):
    """What is said of a feature; `{}` is its number."""

    en: str
    zh: str


class _Effect(NamedTuple):
    """What a feature does to a target: raise it, or lower it."""

    en: tuple[str, str]
    zh: tuple[str, str]


_FACTS: Final[Mapping[str, _Fact]] = {
    "days_since_last_order": _Fact("last order {} days ago", "上次下单距今 {} 天"),
    "days_since_first_order": _Fact("first order {} days ago", "首次下单距今 {} 天"),
    "orders_365d": _Fact("{} orders in a year", "一年内下单 {} 次"),
    "orders_90d_last_year": _Fact(
        "{} orders in the same 90 days last year", "去年同期 90 天下单 {} 次"
    ),
    "spend_365d": _Fact("spend of {} in a year", "一年内消费 {}"),
    "products_365d": _Fact("{} different products in a year", "一年内购买 {} 种商品"),
    "returns_365d": _Fact("{} returns in a year", "一年内退货 {} 次"),
}
"""By the names in `reasons.FEATURES`; a feature without an entry is shown by its name."""
_EFFECTS: Final[Mapping[str, _Effect]] = {
    "churn": _Effect(
        ("leaving is more likely", "leaving is less likely"), ("流失可能性上升", "流失可能性下降")
    ),
    "expected_orders": _Effect(
        ("more orders expected", "fewer orders expected"), ("预计下单更多", "预计下单更少")
    ),
    "expected_spend": _Effect(
        ("more spend expected", "less spend expected"), ("预计消费更高", "预计消费更低")
    ),
    "next_order": _Effect(
        ("next order expected later", "next order expected sooner"),
        ("预计下次下单更晚", "预计下次下单更早"),
    ),
}
"""By target; a target without an entry has the words of _ANY."""
_ANY: Final = _Effect(("a higher prediction", "a lower prediction"), ("预测值上升", "预测值下降"))


def in_words(reason: Reason, target: str, *, language: Language) -> str:
    """Return `reason` of a prediction of `target` as a phrase with the number compared with.

    >>> reason = Reason(feature="orders_365d", value=12, typical=2.5, impact=-0.2)
    >>> in_words(reason, "churn", language="en")
    '12 orders in a year (typical customer: 2.5): leaving is less likely'
    >>> in_words(reason, "churn", language="zh")
    '一年内下单 12 次（典型客户：2.5）：流失可能性下降'
    """
    fact = _FACTS.get(reason.feature, _Fact(f"{reason.feature} of {{}}", f"{reason.feature} {{}}"))
    effects = _EFFECTS.get(target, _ANY)
    number, typical, lower = _plain(reason.value), _plain(reason.typical), reason.impact < 0
    if language == "zh":
        return f"{fact.zh.format(number)}（典型客户：{typical}）：{effects.zh[lower]}"
    return f"{fact.en.format(number)} (typical customer: {typical}): {effects.en[lower]}"


def _plain(number: float) -> str:
    """Return `number` without decimals from 10 on, and with one below, unless it is whole."""
    return f"{number:,.0f}" if abs(number) >= 10 or number == int(number) else f"{number:,.1f}"
