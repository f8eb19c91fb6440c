"""Experiments: definitions, changes and results."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from serving.schemas.base import Label, Request, Time

Share = Annotated[float, Meta(gt=0, le=1)]


class VariantDefinition(Request, frozen=True, kw_only=True):
    """One variant of an experiment."""

    model: Label
    """A version (`recommender@3`), or a name that is resolved at the start: `champion`, or a
    model's name (`popularity`) for its newest version."""
    weight: Annotated[float, Meta(gt=0, le=1e6)] = 1
    """Share of the experiment's customers, relative to the other weights; it cannot change."""


class StartRequest(Request, frozen=True, kw_only=True):
    """Starts to assign customers to variants; the same definition again changes nothing.

    Only `exposed_share` can change later. Any other change needs an experiment with a new key.
    """

    variants: Annotated[dict[Label, VariantDefinition], Meta(min_length=2, max_length=20)]
    control: Label
    """The variant that the others are compared with."""
    exposed_share: Share = 1
    """Share of all customers that take part; grows by `ramp`, never shrinks."""
    window_days: Annotated[float, Meta(gt=0, le=3_650)] | UnsetType = UNSET
    """Days after a customer's first exposure in which its orders count; default 14."""
    covariate_days: Annotated[float, Meta(ge=0, le=3_650)] | UnsetType = UNSET
    """Days of spend before the first exposure, used to reduce variance (CUPED); default 90."""
    planned_units: Annotated[int, Meta(gt=1, le=1_000_000_000)] | UnsetType = UNSET
    """Customers at which the always-valid interval is tightest; default 10000."""
    alpha: Annotated[float, Meta(gt=0, lt=1)] | UnsetType = UNSET
    """One minus the confidence level of every interval; default 0.05."""
    salt: Label | UnsetType = UNSET
    """The assignment hashes it with the customer's id; by default the experiment's key."""


class RampRequest(Request, frozen=True, kw_only=True):
    """Lets a larger share of customers take part; no customer moves between variants."""

    exposed_share: Share


class StopRequest(Request, frozen=True, kw_only=True):
    """Ends as planned: every customer gets the champion again, and the analysis stays valid."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""
    """Stored with the change."""


class KillRequest(Request, frozen=True, kw_only=True):
    """Ends at once because of harm."""

    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    """What went wrong; stored with the change."""


class Change(Struct, frozen=True, kw_only=True):
    """One change of an experiment's state."""

    at: Time
    verb: Literal["start", "ramp", "stop", "kill"]
    exposed_share: float
    reason: str


class RunningVariant(Struct, frozen=True, kw_only=True):
    """One variant of a started experiment."""

    model: str
    """The version that was resolved at the start."""
    weight: float


class Experiment(Struct, frozen=True, kw_only=True):
    """An experiment and its state."""

    key: str
    status: Literal["running", "stopped", "killed"]
    variants: dict[str, RunningVariant]
    control: str
    exposed_share: float
    window_days: float
    covariate_days: float
    planned_units: int
    alpha: float
    salt: str
    changes: list[Change]
    """Since the start, oldest first. The service applies a change within two seconds."""


class ExperimentAnswer(Struct, frozen=True, kw_only=True):
    """The experiment after the requested change."""

    request_id: str
    experiment: Experiment


class ExperimentsAnswer(Struct, frozen=True, kw_only=True):
    """Every experiment ever started, oldest first."""

    request_id: str
    experiments: list[Experiment]


class Interval(Struct, frozen=True, kw_only=True):
    """A confidence interval; an end is null while it cannot be computed."""

    low: float | None
    high: float | None


class SampleRatio(Struct, frozen=True, kw_only=True):
    """Test whether the variants have as many customers as their weights imply."""

    exposed: dict[str, int]
    expected: dict[str, float]
    pvalue: float | None
    """Of Pearson's chi-square test; null without customers."""
    ok: bool
    """False: assignment or logging loses customers, and no effects are returned."""


class Effect(Struct, frozen=True, kw_only=True):
    """A treatment compared with the control in one metric."""

    metric: str
    """`conversion` (ordered within the window) or `revenue` (per customer, within the window)."""
    variant: str
    control: float
    """Mean in control, adjusted by past spend (CUPED)."""
    treatment: float
    """Mean in the treatment, adjusted in the same way."""
    effect_size: float
    """`treatment` minus `control`."""
    effect_size_ci: Interval
    """Valid for one planned look."""
    effect_size_always: Interval
    """Valid for any number of looks."""
    rel_effect_size: float | None
    """`treatment` divided by `control`, minus 1."""
    rel_effect_size_ci: Interval
    rel_effect_size_always: Interval
    pvalue: float | None
    """Two-sided; valid for one planned look."""
    variance_removed: float
    """Share of the variance that past spend explains."""


class ResultsAnswer(Struct, frozen=True, kw_only=True):
    """The results of an experiment: look at `sample_ratio` first."""

    request_id: str
    key: str
    status: Literal["running", "stopped", "killed"]
    as_of: Time
    """The results use data that happened and was recorded before this time."""
    sample_ratio: SampleRatio
    units: dict[str, int]
    """Customers per variant whose window is over; the effects are computed from them."""
    waiting: int
    """Customers whose window is not over."""
    crossed: int
    """Customers who saw two variants and are left out; there should be none."""
    means: dict[str, dict[str, float]]
    """By variant and metric, without adjustment."""
    effects: list[Effect]
    """Empty until every variant has two customers whose window is over, and whenever
    `sample_ratio.ok` is false."""
