"""Estimates of effects with intervals, as pure functions of numbers.

Two intervals for each effect. The fixed one (Welch's t, delta method) is valid at one look, planned
beforehand. The always-valid one is valid at all looks together: stop at any time.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.special
import scipy.stats

Values = npt.NDArray[np.float64]
RATIO_ALARM: Final = 0.001
"""A smaller p-value of the sample ratio means that assignment or logging is broken."""
WARM_UP: Final = 100
"""Units a variant below which there is no always-valid interval: its guarantee is asymptotic."""


class Interval(NamedTuple):
    """A confidence interval; infinite where the data do not suffice."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Return whether `value` lies inside."""
        return self.low <= value <= self.high


NOWHERE: Final = Interval(-math.inf, math.inf)


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """The test of whether the numbers of units agree with the variants' weights."""

    exposed: dict[str, int]
    expected: dict[str, float]
    pvalue: float
    """Of Pearson's chi-square test; nan without units."""

    @property
    def ok(self) -> bool:
        """False when the split is broken: then no effect can be trusted."""
        return not self.pvalue < RATIO_ALARM


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A treatment compared with the control in one metric."""

    metric: str
    variant: str
    control: float
    """Mean a unit in control, adjusted by the covariate (CUPED)."""
    treatment: float
    """Mean a unit in the treatment, adjusted by the covariate."""
    effect_size: float
    """treatment - control, in the metric's unit."""
    effect_size_ci: Interval
    effect_size_always: Interval
    """The always-valid interval."""
    rel_effect_size: float
    """treatment / control - 1."""
    rel_effect_size_ci: Interval
    rel_effect_size_always: Interval
    pvalue: float
    """Two-sided, of Welch's t-test, for one planned look; nan without variance."""
    variance_removed: float
    """Share of the metric's variance that the covariate explained, 0 where there is none."""


def sample_ratio(exposed: dict[str, int], weights: dict[str, float]) -> SampleRatio:
    """Test counts of units against weights (Pearson's chi-square).

    >>> ratio = sample_ratio({"a": 60, "b": 40}, {"a": 1, "b": 1})
    >>> ratio.expected, round(ratio.pvalue, 6), ratio.ok  # chi-square is 4 at 1 degree of freedom
    ({'a': 50.0, 'b': 50.0}, 0.0455, True)
    >>> sample_ratio({"a": 0, "b": 0}, {"a": 1, "b": 1}).pvalue
    nan
    """
    total, weight = sum(exposed.values()), sum(weights.values())
    expected = {name: total * weights[name] / weight for name in exposed}
    pvalue = math.nan
    if total:
        pvalue = float(scipy.stats.chisquare([*exposed.values()], [*expected.values()]).pvalue)
    return SampleRatio(exposed=exposed, expected=expected, pvalue=pvalue)


def cuped(value: Values, covariate: Values) -> tuple[Values, float]:
    """Return `value` minus the part explained by `covariate`, and the share of variance removed.

    The mean does not change. One coefficient for all units (Deng, Xu, Kohavi, Walker 2013:
    "Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data").

    >>> cuped(np.array([1.0, 2.0, 3.0, 6.0]), np.array([0.0, 0.0, 2.0, 2.0]))[0].tolist()
    [2.5, 3.5, 1.5, 4.5]
    """
    spread = covariate.var()
    if not spread > 0 or not value.var() > 0:
        return value, 0.0
    centered = covariate - covariate.mean()
    adjusted = value - centered * (centered @ value) / (spread * len(value))
    return adjusted, float(1 - adjusted.var() / value.var())


def always_valid(units: int, *, alpha: float, planned_units: int) -> float:
    """Return the half-width of the always-valid interval, in standard errors of the estimate.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2021,
    "Time-uniform central limit theory and asymptotic confidence sequences", theorem 2.2):
    after n units it is sigma / sqrt(n) times

        sqrt(2 (n rho^2 + 1) / (n rho^2) * log(sqrt(n rho^2 + 1) / alpha)).

    The parameter rho sets where it is tightest: n rho^2 = x at n = `planned_units`, where
    x = log(x + 1) - 2 log(alpha), solved by Lambert's W. A difference of two means is the mean
    over all n units of scores with known assignment shares, so sigma / sqrt(n) is its standard
    error and n counts both variants.

    >>> x = 3.0  # by the rule above, alpha = exp(-(3 - log 4) / 2) is the level that has x = 3
    >>> alpha = math.exp(-(x - math.log(4)) / 2)
    >>> value = always_valid(500, alpha=alpha, planned_units=500)
    >>> math.isclose(value, math.sqrt(8 / 3 * math.log(2 / alpha))), round(value, 6)
    (True, 2.0)
    """
    x = float(-scipy.special.lambertw(-(alpha**2) / math.e, -1).real - 1)
    spread = x * units / planned_units
    return math.sqrt(2 * (spread + 1) / spread * (math.log(spread + 1) / 2 - math.log(alpha)))


def compare(
    control: Values,
    treatment: Values,
    *,
    metric: str,
    variant: str,
    alpha: float,
    planned_units: int,
    variance_removed: float = 0.0,
) -> Effect:
    """Estimate the difference and the ratio of two means of at least 2 independent units each.

    The difference by Welch's t (1947); the ratio by the delta method on its logarithm, so that
    it stays positive. Intervals are infinite where the data have no variance, and for a ratio where
    a mean is not positive.

    >>> found = compare(np.array([0.0, 2.0]), np.array([2.0, 4.0]), metric="revenue",
    ...                 variant="new", alpha=0.05, planned_units=100)
    >>> found.effect_size, found.rel_effect_size  # variances 2 and 2: standard error sqrt(2)
    (2.0, 2.0)
    >>> round((found.effect_size_ci.high - 2) / math.sqrt(2), 3)  # t of 2 degrees of freedom
    4.303
    """
    sizes = np.array([len(control), len(treatment)], dtype=np.float64)
    means = np.array([control.mean(), treatment.mean()])
    variances = np.array([control.var(ddof=1), treatment.var(ddof=1)]) / sizes
    difference = float(means[1] - means[0])
    ratio = float(means[1] / means[0]) if means[0] > 0 else math.nan
    fixed = always = rel_fixed = rel_always = NOWHERE
    pvalue = math.nan
    factor = always_valid(int(sizes.sum()), alpha=alpha, planned_units=planned_units)
    warm = sizes.min() >= WARM_UP
    if variances.sum() > 0:
        error, quantile, degrees = _welch(variances, sizes, alpha=alpha)
        pvalue = float(2 * scipy.stats.t.sf(abs(difference) / error, degrees))
        fixed = Interval(difference - quantile * error, difference + quantile * error)
        if warm:
            always = Interval(difference - factor * error, difference + factor * error)
    if variances.sum() > 0 and means.min() > 0:
        error, quantile, _ = _welch(variances / means**2, sizes, alpha=alpha)
        rel_fixed = _around(ratio, quantile * error)
        if warm:
            rel_always = _around(ratio, factor * error)
    return Effect(
        metric=metric,
        variant=variant,
        control=float(means[0]),
        treatment=float(means[1]),
        effect_size=difference,
        effect_size_ci=fixed,
        effect_size_always=always,
        rel_effect_size=ratio - 1,
        rel_effect_size_ci=rel_fixed,
        rel_effect_size_always=rel_always,
        pvalue=pvalue,
        variance_removed=variance_removed,
    )


def _welch(variances: Values, sizes: Values, *, alpha: float) -> tuple[float, float, float]:
    """Return standard error, t quantile and degrees of freedom from the means' variances."""
    degrees = float(variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum())
    return (
        math.sqrt(variances.sum()),
        float(scipy.stats.t.ppf(1 - alpha / 2, degrees)),
        degrees,
    )


def _around(ratio: float, half: float) -> Interval:
    return Interval(ratio * math.exp(-half) - 1, ratio * math.exp(half) - 1)
