"""The signs that exports write beside a sum of money, and the currencies that use them."""

from typing import Final

_SIGNS: Final = {
    "$": "USD AUD CAD NZD HKD SGD TWD MXN ARS CLP COP",
    "US$": "USD",
    "A$ AU$": "AUD",
    "C$ CA$": "CAD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "S$": "SGD",
    "NT$": "TWD",
    "MX$": "MXN",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "¥": "CNY JPY",
    "元 RMB 人民币": "CNY",
    "円": "JPY",
    "₩ 원": "KRW",
    "₹": "INR",
    "Rs Rs.": "INR PKR LKR",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "lei": "RON",
    "kr kr.": "SEK NOK DKK ISK",
    "Fr. SFr.": "CHF",
    "₺ TL": "TRY",
    "₽ руб руб.": "RUB",
    "₴": "UAH",
    "₪": "ILS",
    "฿": "THB",
    "₫": "VND",
    "₱": "PHP",
    "Rp": "IDR",
    "RM": "MYR",
    "R": "ZAR",
    "₦": "NGN",
}
SIGNS: Final = {
    sign: tuple(codes.split()) for signs, codes in _SIGNS.items() for sign in signs.split()
}
"""Sign -> the ISO 4217 codes of the currencies that use it."""
_CODES: Final = {code for codes in SIGNS.values() for code in codes} | {"CHF", "AED", "SAR", "EGP"}


def currencies_of(sign: str) -> tuple[str, ...]:
    """Return the ISO codes of the currencies that `sign` may mean; none if it is no sign.

    >>> currencies_of("¥"), currencies_of("eur"), currencies_of("pcs")
    (('CNY', 'JPY'), ('EUR',), ())
    """
    if sign.upper() in _CODES:
        return (sign.upper(),)
    return SIGNS.get(sign, ())
