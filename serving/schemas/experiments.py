"""Experiments: definitions, what changes them, and what they say."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from serving.schemas.base import Label, Request, Time

Share = Annotated[float, Meta(gt=0, le=1)]


class VariantDefinition(Request, frozen=True, kw_only=True):
    """One side of an experiment."""

    model: Label
    """A version (`recommender@3`), or what stands for one at the start: `champion`, or a model's
    name (`popularity`) for its newest version."""
    weight: Annotated[float, Meta(gt=0, le=1e6)] = 1
    """Share of the experiment's customers, relative to the other weights; fixed for good."""


class StartRequest(Request, frozen=True, kw_only=True):
    """Begins to assign customers to variants; the same definition again changes nothing.

    All of it but `exposed_share` is fixed for good: what else is to be tried needs a new key.
    """

    variants: Annotated[dict[Label, VariantDefinition], Meta(min_length=2, max_length=20)]
    control: Label
    """The variant that the others are compared with."""
    exposed_share: Share = 1
    """Share of all customers that take part; grows by `ramp`, never shrinks."""
    window_days: Annotated[float, Meta(gt=0, le=3_650)] | UnsetType = UNSET
    """Days after a customer's first exposure in which its orders count; not given, 14."""
    covariate_days: Annotated[float, Meta(ge=0, le=3_650)] | UnsetType = UNSET
    """Days before the first exposure whose spend takes out variance (CUPED); not given, 90."""
    planned_units: Annotated[int, Meta(gt=1, le=1_000_000_000)] | UnsetType = UNSET
    """Customers at which the always-valid interval is tightest; not given, 10000."""
    alpha: Annotated[float, Meta(gt=0, lt=1)] | UnsetType = UNSET
    """One minus the confidence level of every interval; not given, 0.05."""
    salt: Label | UnsetType = UNSET
    """What the assignment hashes with the customer's id; not given, the key."""


class RampRequest(Request, frozen=True, kw_only=True):
    """Lets a larger share of customers take part; nobody moves between variants."""

    exposed_share: Share


class StopRequest(Request, frozen=True, kw_only=True):
    """Ends as planned: everyone gets the champion again, and the analysis stands."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""
    """Kept on record."""


class KillRequest(Request, frozen=True, kw_only=True):
    """Ends at once because of harm."""

    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    """What went wrong; kept on record."""


class Change(Struct, frozen=True, kw_only=True):
    """One step in an experiment's life."""

    at: Time
    verb: Literal["start", "ramp", "stop", "kill"]
    exposed_share: float
    reason: str


class RunningVariant(Struct, frozen=True, kw_only=True):
    """One side of an experiment, as it runs."""

    model: str
    """The version, pinned at the start."""
    weight: float


class Experiment(Struct, frozen=True, kw_only=True):
    """An experiment and where it stands."""

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
    """From the start on, oldest first. The service heeds a change within a second or two."""


class ExperimentAnswer(Struct, frozen=True, kw_only=True):
    """The experiment after what was asked."""

    request_id: str
    experiment: Experiment


class ExperimentsAnswer(Struct, frozen=True, kw_only=True):
    """Every experiment ever started, oldest first."""

    request_id: str
    experiments: list[Experiment]


class Interval(Struct, frozen=True, kw_only=True):
    """A confidence interval; an end is null where nothing can be said yet."""

    low: float | None
    high: float | None


class SampleRatio(Struct, frozen=True, kw_only=True):
    """Whether the variants hold as many customers as their weights say."""

    exposed: dict[str, int]
    expected: dict[str, float]
    pvalue: float | None
    """Of Pearson's chi-square test; null without customers."""
    ok: bool
    """False: assignment or logging loses customers, and no effect is given."""


class Effect(Struct, frozen=True, kw_only=True):
    """A treatment compared with the control in one metric."""

    metric: str
    """`conversion` (ordered within the window) or `revenue` (a customer, within the window)."""
    variant: str
    control: float
    """Mean in control, adjusted by past spend (CUPED)."""
    treatment: float
    """Mean in the treatment, adjusted likewise."""
    effect_size: float
    """`treatment` less `control`."""
    effect_size_ci: Interval
    """For one planned look."""
    effect_size_always: Interval
    """However often you look."""
    rel_effect_size: float | None
    """`treatment` by `control`, less 1."""
    rel_effect_size_ci: Interval
    rel_effect_size_always: Interval
    pvalue: float | None
    """Two-sided, for one planned look."""
    variance_removed: float
    """Share of the variance that past spend explained."""


class ResultsAnswer(Struct, frozen=True, kw_only=True):
    """What an experiment says: look at `sample_ratio` first."""

    request_id: str
    key: str
    status: Literal["running", "stopped", "killed"]
    as_of: Time
    """What happened and was recorded before this was read."""
    sample_ratio: SampleRatio
    units: dict[str, int]
    """Customers by variant whose window is over: the effects rest on these."""
    waiting: int
    """Customers whose window is not over."""
    crossed: int
    """Customers who saw two variants and are left out; there should be none."""
    means: dict[str, dict[str, float]]
    """By variant and metric, not adjusted."""
    effects: list[Effect]
    """Empty until every variant has two customers whose window is over, and where the sample
    ratio is broken."""
