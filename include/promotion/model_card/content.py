"""Define the content of a model card: plain values, None if not stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import get_args

from include.declaration.gates import MODEL
from include.declaration.task import Task
from include.evaluation.gates.result import GateResult, Outcome
from include.model.metrics import METRICS
from include.monitoring.false_alarms import FalseAlarmRate

Metrics = Mapping[str, Mapping[str, float]]
"""Subject (`model`, a baseline or `champion`) to metric to value."""
GROUPS_SHOWN = 5
"""Most groups of a column that the card lists."""
FOLDER = "model_card"
MARKDOWN, PAGE = f"{FOLDER}/model_card.md", f"{FOLDER}/model_card.html"
"""Artifacts of a run: the card as text, and as one page with its plots."""
HEADLINE = 4
"""Most metrics at the top of the card."""
TOP_PLOTS = ("calibration", "predicted_and_actual", "gate_results")
"""Names of plots; the first that the run has is at the top of the card."""
_SECTIONS = {"gate_results": "gates", "slices": "slices", "champion": "champion", "importance": "features"}
"""Name of a plot to the section that shows it; other plots are in the last section."""


@dataclass(frozen=True)
class SplitSummary:
    """The days of train, validation or test; days as `YYYY-MM-DD`."""

    first: str
    last: str
    periods: int
    rows: int | None
    """Rows with a label."""
    level: float | None
    """Share of rows whose label is 1, or the mean label; None if the task has no such level."""


@dataclass(frozen=True)
class SliceSummary:
    """A group of test rows that share a value of a column."""

    column: str
    """The column, with the metric and what it is compared with."""
    group: str
    rows: int
    value: float | None
    compared: float | None
    worse: float | None
    """Difference from `compared`, positive if worse; None for a group that was not judged."""
    limit: float | None

    @property
    def is_beyond_limit(self) -> bool:
        return self.worse is not None and self.limit is not None and self.worse > self.limit


@dataclass(frozen=True)
class JudgedSlices:
    """The judged groups of a column with one limit."""

    column: str
    groups: int
    worst: Sequence[SliceSummary]
    """At most GROUPS_SHOWN, the worst first."""


@dataclass(frozen=True)
class RankedFeature:
    """A feature with its share of the gain of all features' splits."""

    name: str
    type: str
    """As declared; empty if it is not declared any more."""
    share: float


@dataclass(frozen=True)
class HeadlineNumber:
    """A metric of the test days at the top of the card."""

    metric: str
    value: float
    interval: tuple[float, float] | None
    """The ends of its 95 % interval."""
    baseline: str
    """The baseline that is best by this metric; empty if none has it."""
    baseline_value: float | None


@dataclass(frozen=True)
class ModelCardContent:
    """One version of a use case's model, with the values of its run and the registry."""

    use_case: str
    version: str
    as_of: str
    objective: str
    owner: str
    label: str
    label_meaning: str
    label_delay_periods: int
    task: Task
    window: str
    """First and last day, `first..last`."""
    splits: Mapping[str, SplitSummary]
    """`train`, `validation` and `test`."""
    test: Metrics
    validation: Metrics
    lineage: Mapping[str, str]
    """Name of an input or tool of the training to its digest, version or id."""
    out_of_scope: Sequence[str] = ()
    """Uses for which the predictions are not made, a sentence each, as declared."""
    reason: str = ""
    notice: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    unlabelled_rows: int = 0
    """Rows of the window whose label was not known yet."""
    missing_periods: Sequence[str] = ()
    period_name: str = "day"
    """The name of a period, such as `hour`."""
    """Days of the window without features, as ranges."""
    null_features: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Feature to the days of the window, as ranges, that were built before it was declared."""
    stale: Sequence[str] = ()
    """Periods that were read although built by older code or from older inputs: a sentence per table."""
    mixed_history: Sequence[str] = ()
    """Periods of the window that different code built: a sentence per table."""
    intervals: Mapping[str, tuple[float, float]] | None = None
    """Metric to the ends of the model's 95 % interval on the test days."""
    slices: Sequence[SliceSummary] | None = None
    gate_results: Sequence[GateResult] | None = None
    gates: str = ""
    """The gate results in one word: `passed`, `failed` or `inconclusive`."""
    champion: str | None = None
    """Version that it was compared with; empty: there was no champion on that day; None: it was not compared."""
    false_alarms: Sequence[FalseAlarmRate] = ()
    """False alarms of each monitoring limit per year; empty if not computed."""
    decisions: Sequence[str] = ()
    """Decisions on it by people or the promotion, a sentence each."""
    gains: Mapping[str, float] | None = None
    """Feature to the gain of its splits on the train days."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Feature to type, as declared."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tuned_by: str = ""
    """Run of the study that chose the parameters; empty: they come from the declaration or the form."""
    plots: Sequence[str] = ()
    """Artifact paths of the run's PNG images."""
    caveats: Sequence[str] = ()
    """Other warnings for the reader, a sentence each."""

    @property
    def outcome_counts(self) -> dict[str, int]:
        """Return the number of gates for each outcome that there is."""
        counts = Counter(each.outcome for each in self.gate_results or ())
        return {outcome: counts[outcome] for outcome in get_args(Outcome) if counts[outcome]}

    @property
    def judged_slices(self) -> list[JudgedSlices]:
        """Return the judged groups of each column and limit, in the order of the slices."""
        parts: dict[tuple[str, float | None], list[SliceSummary]] = {}
        for each in self.slices or ():
            parts.setdefault((each.column, each.limit), []).append(each)
        judged = []
        for (column, _), groups in parts.items():
            worst = sorted((each for each in groups if each.worse is not None), key=lambda each: -(each.worse or 0.0))
            judged.append(JudgedSlices(column, len(worst), worst[:GROUPS_SHOWN]))
        return judged

    @property
    def ranked_features(self) -> list[RankedFeature]:
        """Return the features by their share of the gain, the largest first."""
        gains = self.gains or {}
        total = sum(gains.values()) or 1.0
        ordered = sorted(gains, key=lambda name: (-gains[name], name))
        return [RankedFeature(name, self.features.get(name, ""), max(gains[name], 0.0) / total) for name in ordered]

    @property
    def headline(self) -> list[HeadlineNumber]:
        """Return the first HEADLINE metrics of the task on the test days."""
        of_model = self.test.get(MODEL, {})
        names = [name for name in self.task.headline if name in of_model][:HEADLINE]
        return [self._headline_number(name, of_model[name]) for name in names]

    def _headline_number(self, name: str, value: float) -> HeadlineNumber:
        better = max if METRICS[name].higher_is_better else min
        measured = {each: self.test[each][name] for each in self.task.baselines if name in self.test.get(each, {})}
        baseline = better(measured, key=measured.__getitem__, default="")
        return HeadlineNumber(name, value, (self.intervals or {}).get(name), baseline, measured.get(baseline))

    @property
    def top_plot(self) -> str:
        """Return the path of the plot at the top of the card; empty if there is none."""
        stems = {PurePosixPath(path).stem: path for path in sorted(self.plots)}
        return next((stems[stem] for stem in TOP_PLOTS if stem in stems), "")

    def caption(self, path: str) -> str:
        """Return the caption of a plot."""
        return PurePosixPath(path).stem.replace("_", " ").capitalize()

    def plots_of(self, section: str) -> list[tuple[str, str]]:
        """Return caption and path of a section's plots.

        The section "" has those of no other.
        """
        stems = {path: PurePosixPath(path).stem for path in sorted(self.plots)}
        return [
            (self.caption(path), path)
            for path, stem in stems.items()
            if _SECTIONS.get(stem, "") == section and path != self.top_plot
        ]
