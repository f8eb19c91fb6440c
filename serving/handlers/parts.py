"""Parts of a batch, decoded one by one: an invalid part does not affect the others."""

from typing import TypeVar

import msgspec

from serving.problems import Problem, decode
from serving.schemas.base import FieldError

T = TypeVar("T")


def decode_part(decoder: "msgspec.json.Decoder[T]", part: msgspec.Raw, *, at: str) -> T:
    """Return `part` as the decoder's type; `at` is the JSON Pointer of the part in the body.

    Raises Problem with pointers relative to the body.
    """
    try:
        return decode(decoder, part)
    except Problem as problem:
        faults = problem.errors or [FieldError(pointer="", detail=problem.detail)]
        errors = [FieldError(pointer=at + e.pointer, detail=e.detail) for e in faults]
        detail = f"{errors[0].pointer}: {errors[0].detail}"
        raise Problem(problem.code, detail, errors=errors) from problem
