"""Types shared by all requests, responses and errors of v1."""

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

_NO_CONTROL: Final = r"[^\x00-\x1f\x7f-\x9f]*(?![\s\S])"
_TEXT_PATTERN: Final = rf"^{_NO_CONTROL}"
_ID_PATTERN: Final = rf"^(?!\s)(?![\s\S]*\s(?![\s\S])){_NO_CONTROL}"
PATTERNS: Final = {
    _ID_PATTERN: "1-128 characters without control characters, and no white space at its ends",
    _TEXT_PATTERN: "1-128 characters without control characters",
}
"""What the patterns of texts require, in words."""
_text = Meta(min_length=1, max_length=128, pattern=_TEXT_PATTERN)
_id = Meta(min_length=1, max_length=128, pattern=_ID_PATTERN)
Id = Annotated[str, _id, Meta(description=f"{PATTERNS[_ID_PATTERN]}.")]
Label = Annotated[str, _text]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset from UTC.")]
Positive = Annotated[float, Meta(gt=0, lt=1e12)]
NotNegative = Annotated[float, Meta(ge=0, lt=1e12)]
Category = Annotated[str, Meta(min_length=1, max_length=1_000)]
FallbackReason = Literal[
    "unknown_customer",
    "no_history",
    "not_personalized",
    "stale_features",
    "store_unavailable",
    "model_unavailable",
    "exposure_log_unavailable",
    "unknown_products",
    "no_rules",
]


class Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request body; an unknown field is an error."""


class Model(Struct, frozen=True, kw_only=True):
    """The model that made this answer."""

    name: str
    """`recommender`, `churn`, or the name of a fallback."""
    version: str | None
    """None for a fallback."""

    @property
    def label(self) -> str:
        """Who answered, in a word: `recommender@3`, or the name of a fallback."""
        return f"{self.name}@{self.version}" if self.version else self.name


class Assigned(Struct, frozen=True, kw_only=True):
    """The variant of an experiment that made this answer."""

    key: str
    variant: str


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields of every answer."""

    request_id: str
    model: Model
    experiments: list[Assigned]
    """Empty when the customer is in none."""
    feature_age_s: float | None
    """Seconds since the snapshot of the oldest stored features read; null if none were read."""
    fallback_reason: FallbackReason | None = None


class FieldError(Struct, frozen=True, kw_only=True):
    """An error in one field: `pointer` is a JSON Pointer (RFC 6901) into the body."""

    pointer: str
    detail: str


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError]


class Health(Struct, frozen=True, kw_only=True):
    """The response of `/livez` and `/readyz`."""

    status: Literal["ok", "loading"]
