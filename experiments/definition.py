"""The definition of an experiment in YAML: the model versions to compare and the customers."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

import pydantic

from configs.errors import UserError
from configs.loader import Config

KEY: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"


class ExperimentError(UserError, ValueError):
    """An operation on an experiment is refused; the message gives the cause and the remedy."""


class Variant(Config):
    """One side of an experiment."""

    model: Annotated[str, pydantic.Field(pattern=r"^([a-z][a-z0-9_]*|recommender@[1-9][0-9]*)$")]
    """A version (`recommender@3`), or what `start` resolves to one: `champion`, or a model's name
    (`popularity`) for its newest version."""
    weight: Annotated[float, pydantic.Field(gt=0, le=1e6)] = 1
    """Share of the experiment's units, relative to the other weights; never changes."""


class Experiment(Config):
    """The variants, the share of customers, and the windows of measurement."""

    key: Annotated[str, pydantic.Field(pattern=KEY)]
    salt: str = ""
    """The assignment hashes it together with the unit's id; by default the key."""
    variants: Annotated[dict[str, Variant], pydantic.Field(min_length=2)]
    control: str
    """The variant that the others are compared with."""
    exposed_share: Annotated[float, pydantic.Field(gt=0, le=1)] = 1
    """Share of all customers that take part; grows by `ramp`, never shrinks."""
    window_days: Annotated[float, pydantic.Field(gt=0, le=3_650)] = 14
    """Days after a customer's first exposure in which its orders count."""
    covariate_days: Annotated[float, pydantic.Field(ge=0)] = 90
    """Days before the first exposure whose spend is the covariate (CUPED)."""
    planned_units: Annotated[int, pydantic.Field(gt=1)] = 10_000
    """Number of units at which the always-valid interval is tightest."""
    alpha: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    """One minus the confidence level of every interval."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _salt_is_key(cls, values: object) -> object:
        if isinstance(values, Mapping) and not values.get("salt"):
            return {**values, "salt": values.get("key", "")}
        return values

    @pydantic.model_validator(mode="after")
    def _control_is_variant(self) -> Self:
        if self.control not in self.variants:
            raise ValueError(f"control {self.control!r} is none of {sorted(self.variants)}")
        return self
