"""What the words of a status column, and of a line type column, mean."""

from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.words import meanings, word

_PARTIAL = ("partially", "partial", "teilweise", "partiellement", "parcial", "部分", "一部")


def status(lines: Lines, draft: Draft) -> None:
    """Write `status` into `draft`, with a question where orders may not stand."""
    if "status" not in lines:
        return
    cells = lines.cells("status")
    counts = cells.value_counts()
    known = meanings("status")
    lists: dict[str, list[str]] = {}
    unknown = []
    for each in counts.index:
        meaning = known.get(word(str(each)))
        if meaning is None and str(each).casefold().startswith(_PARTIAL):
            meaning = "order"
        if meaning is None:
            unknown.append(str(each))
        else:
            lists.setdefault(meaning, []).append(str(each))
    shown = ", ".join(f"{each} ({count:,} rows)" for each, count in counts.items())
    if not lists:
        draft.note("", f"{lines.roles['status']!r} is not used: no status is known among {shown}")
        return
    draft.put("status", {"column": lines.roles["status"], **lists}, shown)
    empty = cells.isna()
    if empty.any():
        draft.ask(
            "status",
            f"{int(empty.sum()):,} rows, such as row {empty.idxmax()}, have no status: fill the "
            "column in, or add it to `fill_down`, or write status out of the mapping",
        )
    if unknown:
        draft.ask(
            "status",
            f"what do {', '.join(unknown)} mean? Write each into `order` (the order stands), "
            "`leave_out` (it never came to be), `refund` or `wait` (not final)",
        )
    if set(lists) - {"order"} or any(w.casefold().startswith(_PARTIAL) for w in lists["order"]):
        parts = "; ".join(f"{meaning}: {', '.join(each)}" for meaning, each in lists.items())
        draft.ask("status", f"does each word mean this ({parts})? Confirm, or move the words")


def line_types(lines: Lines, draft: Draft) -> None:
    """Write `line_type` and `line_types` into `draft` if all words of the column are known."""
    if "line_type" not in lines:
        return
    name = lines.roles["line_type"]
    counts = lines.cells("line_type").value_counts()
    known = meanings("line_type")
    types = {str(each): known[word(str(each))] for each in counts.index if word(str(each)) in known}
    shown = ", ".join(f"{each} ({count:,} rows)" for each, count in counts.items())
    if not types:
        draft.note("", f"{name!r} is not used: it holds no known type of line ({shown})")
        return
    if lines.cells("line_type").isna().any():
        draft.note("", f"{name!r} is not used as the line's type: it is empty in some rows")
        return
    draft.put("order_lines.line_type", name, shown)
    draft.put("line_types", types, "the words of that column")
    unknown = [str(each) for each in counts.index if str(each) not in types]
    if unknown:
        draft.ask(
            "line_types",
            f"what do {', '.join(unknown)} mean? Add each to `line_types`, with sale, return, fee "
            "or adjustment",
        )
    elif len(types) > 1:
        parts = ", ".join(f"{each}: {kind}" for each, kind in types.items())
        draft.ask("line_types", f"do the words mean this ({parts})? Confirm, or correct them")
