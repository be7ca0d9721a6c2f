"""Facts: what a model card tells of one version. Plain values; None where the run has not kept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.declaration.costs import DecisionCosts
from include.evaluation.gates.result import GateResult
from include.monitoring.false_alarms import FalseAlarmRate

Metrics = Mapping[str, Mapping[str, float]]
"""Subject (`model`, a baseline or `champion`) to metric to value."""


@dataclass(frozen=True)
class SplitSummary:
    """The days of train, validation or test; days as `YYYY-MM-DD`."""

    first: str
    last: str
    days: int
    rows: int | None
    """Rows with a label."""
    positives: float | None
    """Share of rows whose label is 1."""


@dataclass(frozen=True)
class SliceSummary:
    """A group of test rows that share a value of a column."""

    column: str
    """The column, and the metric that is compared with what."""
    group: str
    rows: int
    value: float | None
    compared: float | None
    worse: float | None
    """How much worse than what it is compared with; None for a group that was not judged."""
    limit: float | None


@dataclass(frozen=True)
class ModelCardContent:
    """One version of a use case's model, as its run and the registry know it."""

    use_case: str
    version: str
    as_of: str
    objective: str
    owner: str
    label: str
    label_meaning: str
    label_delay_periods: int
    costs: DecisionCosts
    window: str
    """First and last day, `first..last`."""
    splits: Mapping[str, SplitSummary]
    """`train`, `validation` and `test`."""
    test: Metrics
    validation: Metrics
    lineage: Mapping[str, str]
    """What the version was made from and by, in words, to its digest, version or id."""
    reason: str = ""
    notice: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    unlabelled_rows: int = 0
    """Rows of the window whose label was not known yet."""
    missing_days: Sequence[str] = ()
    """Days of the window without features, as ranges."""
    null_features: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Feature to the days of the window, as ranges, that were built before it was declared."""
    stale: Sequence[str] = ()
    """Periods that were read although other code or inputs made them than those of then: a sentence per table."""
    intervals: Mapping[str, tuple[float, float]] | None = None
    """Metric to the ends of the model's 95 % interval on the test days."""
    slices: Sequence[SliceSummary] | None = None
    verdicts: Sequence[GateResult] | None = None
    gates: str = ""
    """The verdicts in one word: `passed`, `failed` or `inconclusive`."""
    champion: str | None = None
    """Version that it was judged against; empty: no model flew on that day; None: nobody compared."""
    false_alarms: Sequence[FalseAlarmRate] = ()
    """How often a year each monitoring limit asks falsely; empty where that was not computed."""
    decisions: Sequence[str] = ()
    """What people or the promotion said of it, a sentence each."""
    gains: Mapping[str, float] | None = None
    """Feature to the gain its splits brought on the train days."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as declared."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tuned_by: str = ""
    """Run of the study that chose the parameters; empty: they are as declared or as the form said."""
    plots: Sequence[str] = ()
    """Artifact paths of the run's PNG images."""
    caveats: Sequence[str] = ()
    """What else a reader must be warned of, a sentence each."""
