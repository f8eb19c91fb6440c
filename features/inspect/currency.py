"""The shop's currency: by a column, the signs at the amounts, or a column's name."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import pandas as pd

from features.files.currencies import currencies_of
from features.inspect.draft import Draft

_SIGN: Final = re.compile(r"[^\d\s.,'’()+\-−–]+\.?")
_BRACKETS: Final = re.compile(r"[(\[（【](.*?)[)\]）】]")


def currency(
    amounts: Mapping[str, pd.Series], codes: pd.Series | None, draft: Draft, given: str | None
) -> None:
    """Write `currency` into `draft`, from what was `given` or the cells show; else a question."""
    seen = _seen(amounts, codes)
    shown = ", ".join(f"{sign!r} ({count} cells)" for sign, count in seen.most_common(5))
    possible = _possible(seen)
    if given is not None:
        draft.put("currency", given, "given as an option")
        if seen and given not in possible:
            draft.ask("currency", f"{given} was given, but the file shows {shown}: which is right?")
    elif len(possible) == 1 and codes is not None and codes.dropna().size:
        draft.put("currency", possible[0], f"the file's column says so: {shown}")
    elif len(possible) == 1:
        draft.put("currency", possible[0], f"the signs at the amounts say so: {shown}")
    elif possible:
        draft.put("currency", possible[0], f"open: {shown}")
        draft.ask("currency", f"{shown} may be {' or '.join(possible)}: write the shop's currency")
    elif seen:
        draft.note("currency", f"open: {shown}")
        draft.ask(
            "currency",
            f"the file shows {shown}, which is no one currency: write `currency: EUR`, say, and "
            "leave out rows of others with `where`",
        )
    else:
        draft.note("currency", "open: no column and no sign names it")
        draft.ask("currency", "which currency are the prices in? Write its code: `currency: EUR`")


def _seen(amounts: Mapping[str, pd.Series], codes: pd.Series | None) -> Counter[str]:
    """Return the number of cells by what names a currency in them."""
    if codes is not None and codes.dropna().size:
        return Counter({str(code): int(n) for code, n in codes.value_counts().items()})
    seen: Counter[str] = Counter()
    for name, column in amounts.items():
        for cell, count in column.dropna().astype(str).value_counts().items():
            found = _SIGN.search(str(cell).strip())
            if found is not None and currencies_of(found[0]):
                seen[found[0]] += int(count)
        in_name = _BRACKETS.search(name)
        if in_name is not None and currencies_of(in_name[1]):
            seen[in_name[1]] += len(column)
    return seen


def _possible(seen: Counter[str]) -> list[str]:
    """Return the currencies that all signs in the file may mean."""
    meanings = [currencies_of(sign) or _code(sign) for sign in seen]
    if not meanings:
        return []
    return [code for code in meanings[0] if all(code in each for each in meanings)]


def _code(sign: str) -> tuple[str, ...]:
    """Return `sign` if it is written like an ISO code, whether or not its signs are known."""
    return (sign.upper(),) if re.fullmatch("[A-Za-z]{3}", sign) else ()
