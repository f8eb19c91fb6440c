"""Words that stand where an id is expected: for an empty cell, for a guest, for a row of totals."""

import re
import unicodedata
from typing import Final

# fmt: off
MISSING: Final = frozenset(
    {"#n/a", "#null!", "(blank)", "(empty)", "(none)", "(null)", "-", "--", "---", "."}
    | {"<na>", "<null>", "?", "??", "\\n", "blank", "empty", "leer", "missing", "n.a."}
    | {"n/a", "na", "nan", "nat", "nil", "none", "nul", "null", "undefined", "unknown"}
    | {"不详", "无", "暂无", "未知", "空"}
)
GUESTS: Final = frozenset(
    {"-1", "0", "0.0", "00", "000", "0000", "anon", "anonym", "anonymous", "bar"}
    | {"barkunde", "barverkauf", "cash", "cash customer", "cash sale", "client comptoir"}
    | {"client de passage", "cliente general", "comptoir", "consumidor final", "contado"}
    | {"default", "default customer", "gast", "gastkunde", "guest", "guest checkout"}
    | {"guest customer", "guest user", "guests", "invitado", "laufkunde", "laufkundschaft"}
    | {"mostrador", "no customer", "nobody", "not logged in", "not registered", "ospite"}
    | {"passage", "unbekannt", "unknown customer", "unregistered", "visitor", "walk in"}
    | {"walk in customer", "walk-in", "walk-in customer", "walkin", "anónimo", "balcão"}
    | {"gość", "invité", "público general", "гость", "ゲスト", "一般", "一般客", "临时客户"}
    | {"会員以外", "匿名", "匿名用户", "散客", "普通顾客", "未登録", "游客", "無", "现金"}
    | {"访客", "路人", "遊客", "零售", "零售客户"}
    | {"非会员", "非会員", "非會員", "비회원"}
)
TOTALS: Final = frozenset(
    {"daily total", "day total", "eindtotaal", "gesamt", "gesamtsumme", "grand total"}
    | {"insgesamt", "overall", "overall total", "report total", "somme", "sous-total"}
    | {"sub total", "sub-total", "subtotaal", "subtotal", "subtotal general", "sum", "suma"}
    | {"summe", "tagessumme", "totaal", "total", "total du jour", "total general"}
    | {"total geral", "totale", "totals", "zwischensumme", "total général", "итого", "共计"}
    | {"合計", "合计", "小計", "小计", "总合计", "总和", "总计", "总额"}
    | {"本页合计", "総合計", "総計", "總計"}
)
# fmt: on
_NOBODY: Final = re.compile(
    r"0+|(?:guest|anonymous|unknown|default|cash|walk-?in|no)[ _-]?"
    r"(?:customer|user|client|buyer|checkout)"
)
_BRACKETS: Final = "()[]<>"


def plain_word(text: str) -> str:
    """Return `text` as the words above are written.

    >>> plain_word(" Ｎ／Ａ")
    'n/a'
    >>> plain_word("Total:")
    'total'
    """
    return unicodedata.normalize("NFKC", text).strip().casefold().removesuffix(":")


def is_missing(text: str) -> bool:
    """Return whether `text` is a word for an empty cell.

    >>> is_missing("(NULL)"), is_missing("anna")
    (True, False)
    """
    word = plain_word(text)
    return word in MISSING or word.strip(_BRACKETS) in MISSING


def is_placeholder(text: str) -> bool:
    """Return whether `text` stands, in most shops, for no customer in particular.

    >>> is_placeholder("Walk-in Customer"), is_placeholder("00"), is_placeholder("0.0")
    (True, True, True)
    >>> is_placeholder("10")
    False
    """
    word = plain_word(text).strip(_BRACKETS).removesuffix(".0")
    return is_missing(text) or word in GUESTS or _NOBODY.fullmatch(word) is not None
