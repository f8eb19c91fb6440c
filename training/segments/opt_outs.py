"""Customers who may not be exported: the workspace's list, and a file that a user names.

A list is UTF-8 text with one customer_id a line; empty lines do not count. Nothing is guessed: an
export without any list is refused, because it would contact who opted out.
"""

from pathlib import Path
from typing import Final

from features.schema import BadInput
from training.segments.membership import SegmentError

FILE: Final = "opt_outs.txt"
"""In the workspace's folder of segments; it counts in every export."""
_LONGEST: Final = 128


def read_opt_outs(folder: Path, file: Path | None) -> frozenset[str]:
    """Return the customer_ids in the list of `folder` and in `file`, those of both.

    Raises SegmentError without either list, BadInput for a line that is no id.
    """
    own = folder / FILE
    files = [path for path in (own if own.exists() else None, file) if path is not None]
    if not files:
        raise SegmentError(
            f"nothing says who opted out: name --opt-outs FILE, or write {own} (one customer_id a "
            "line; an empty file if nobody did)"
        )
    return frozenset(name for path in files for name in read_ids(path))


def read_ids(path: Path) -> list[str]:
    """Return the customer_ids in a file, one a line. Raises SegmentError and BadInput."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise SegmentError(f"{path}: no such file of customer_ids") from None
    except UnicodeDecodeError as error:
        raise BadInput(file=str(path), rule=f"UTF-8 text, a customer_id a line ({error})") from None
    for row, line in enumerate(lines, start=1):
        if len(line) > _LONGEST or not (line.isprintable() or not line):
            raise BadInput(
                file=str(path),
                row=row,
                column="customer_id",
                value=line,
                rule="one customer_id a line: 1-128 characters without control characters",
            )
    return [line for line in lines if line]
