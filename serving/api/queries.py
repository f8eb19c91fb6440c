"""The query of a request: parameters by name, as strict as a body."""

from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from serving.problems import Problem, field_error
from serving.schemas.base import FieldError

Q = TypeVar("Q", bound=msgspec.Struct)
MOST: Final = 20
"""Parameters in a query."""
_SHOWN: Final = 128


def read_query(query: bytes, kind: type[Q]) -> Q:
    """Return the query string as a `kind`.

    Raises Problem (`validation_failed`) for a parameter that `kind` does not have, that comes
    twice, or that breaks its rule; `pointer` names it.

    >>> from serving.schemas.segments import MembersQuery
    >>> read_query(b"page_size=5", MembersQuery).page_size
    5
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            max_num_fields=MOST,
            errors="strict",
        )
    except ValueError as error:
        raise Problem("validation_failed", f"the query cannot be read: {error}") from error
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise _refused(FieldError(pointer=f"/{name[:_SHOWN]}", detail="given twice"))
        values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(field_error(error)) from error


def _refused(fault: FieldError) -> Problem:
    detail = f"query parameter {fault.pointer.removeprefix('/')}: {fault.detail}"
    return Problem("validation_failed", detail, errors=[fault])
