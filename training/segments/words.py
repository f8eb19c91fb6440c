"""The names of RFM groups and lifecycle states for people, English and Chinese."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from configs.languages import Language


class _Name(NamedTuple):
    en: str
    zh: str


_NAMES: Final[Mapping[str, _Name]] = {
    "Champions": _Name("Champions", "核心客户"),
    "Loyal": _Name("Loyal", "忠诚客户"),
    "Recent": _Name("Recent", "近期客户"),
    "Needs Attention": _Name("Needs attention", "需关注客户"),
    "At Risk": _Name("At risk", "流失风险客户"),
    "Inactive": _Name("Inactive", "沉睡客户"),
    "new": _Name("New", "新客户"),
    "active": _Name("Active", "活跃客户"),
    "at_risk": _Name("At risk", "流失风险客户"),
    "lapsed": _Name("Lapsed", "已流失客户"),
    "won_back": _Name("Won back", "回流客户"),
    "none": _Name("No order yet", "尚未下单"),
}
"""By the names of `rfm.GROUP_NAMES` and `lifecycle.STATES`."""


def in_words(group: str, *, language: Language) -> str:
    """Return the name of an RFM group or a lifecycle state. Raises KeyError for any other text.

    >>> in_words("won_back", language="en")
    'Won back'
    >>> in_words("Champions", language="zh")
    '核心客户'
    """
    name = _NAMES[group]
    return name.zh if language == "zh" else name.en
