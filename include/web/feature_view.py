"""Read what is stored about one feature; write nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.feature import Feature, as_feature
from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake import batch_reader
from include.lake.range_reader import RangeReader
from include.monitoring.drift import Bins, Counts
from include.monitoring.metric_table import MetricValue
from include.monitoring.reference_histogram import ReferenceHistogram
from include.printable import printable_logger
from include.project import Project
from include.web.history import MetricHistory
from include.web.version_records import NoReferenceError, read_reference

log = printable_logger(__name__)
FEATURES = "features"
MOST_ROWS = 500_000
"""Rows of a period that are read for its distribution."""
MOST_VALUES = 40
"""Categories with a bar of their own."""


@dataclass(frozen=True)
class Distribution:
    """Shares of rows by bin, in the training and in one period."""

    labels: tuple[str, ...]
    reference: tuple[float, ...] | None
    """None if the reference is not known."""
    current: tuple[float, ...] | None
    """None if the period has no rows."""


@dataclass(frozen=True)
class FeatureView:
    """One feature of a use case over a range of periods."""

    name: str
    feature: Feature
    owner: str
    history: MetricHistory
    version: str
    """The version that scored the period of the distribution; empty if none did."""
    period: Period | None
    """The period whose rows are shown: the newest of the range that has features."""
    rows: int
    """Rows that were read."""
    is_cut: bool
    """Whether the period has more rows than were read."""
    distribution: Distribution | None
    statistics: tuple[tuple[str, str, str], ...]
    """Name of a number, its value in the training, and in the period."""
    problems: tuple[str, ...]

    def newest(self, metric: str) -> MetricValue | None:
        """Return the newest row of a metric with a value."""
        rows = [row for row in self.history.measures.rows_of(metric, self.name) if row.value is not None]
        return rows[-1] if rows else None


def build_feature_view(project: Project, history: MetricHistory, name: str) -> FeatureView:
    """Build the view of a declared feature, or of one that was measured earlier.

    What cannot be read becomes a sentence in `problems`.
    """
    use_case, problems = project.use_case, list(history.problems)
    feature = as_feature(use_case.features.get(name, ""))
    period, values, is_cut = None, None, False
    try:
        period, values, is_cut = _read_values(project, history, name)
    except (AirworthyError, OSError):
        log.exception("The features of %s", use_case.name)
        problems.append("The features of the period cannot be read. The reason is in the API server's log.")
    version, reference = _version(history, name, period), None
    rows_of_train = 0
    if version:
        try:
            profile = read_reference(project, version, history.entries)
            reference, rows_of_train = profile.features.get(name), profile.rows
            if reference is None:
                problems.append(f"Version {version} does not read this feature, so it has no reference distribution.")
        except NoReferenceError as error:
            problems.append(str(error))
    current = None if values is None else _own_bins(values, reference)
    return FeatureView(
        name=name,
        feature=feature,
        owner=feature.owner or use_case.owner,
        history=history,
        version=version,
        period=period,
        rows=0 if values is None else len(values),
        is_cut=is_cut,
        distribution=_distribution(reference, current),
        statistics=_statistics(reference, rows_of_train, values),
        problems=tuple(problems),
    )


def _read_values(
    project: Project, history: MetricHistory, name: str
) -> tuple[Period | None, pa.ChunkedArray | None, bool]:
    """Return the newest period with features, its values, and whether it has more."""
    stored = RangeReader.open(project.lake, FEATURES, history.period).between(history.first, history.period)
    if not stored.periods:
        return None, None, False
    period = stored.periods[-1]
    view = project.lake.at_versions(period, {FEATURES: None})
    chunks, rows, total = list[pa.Array](), 0, view.partitions(FEATURES, period, period)[period].rows
    for values in _columns(batch_reader.row_batches(view, FEATURES, period, [name]), name):
        chunks.append(values)
        rows += len(values)
        if rows >= MOST_ROWS:
            break
    if not chunks:
        return period, None, False
    return period, pa.chunked_array(chunks), total > rows


def _columns(batches: Iterator[pa.RecordBatch], name: str) -> Iterator[pa.Array]:
    return (batch[name] for batch in batches if name in batch.schema.names)


def _version(history: MetricHistory, name: str, period: Period | None) -> str:
    """Return the version that read the feature in a period, or else the newest one."""
    rows = [row for row in history.measures.rows_of("psi", name) if row.model_version]
    of_period = [row for row in rows if period is not None and row.period == period]
    chosen = of_period or rows
    return (chosen[-1].model_version or "") if chosen else ""


def _own_bins(values: pa.ChunkedArray, reference: ReferenceHistogram | None) -> tuple[Bins, Counts]:
    """Count the values in the bins of the reference, or else in bins of their own."""
    if reference is not None and _fits(values.type, reference.bins):
        return reference.bins, reference.bins.count(values)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        counted = sorted(pc.value_counts(values.drop_null()).to_pylist(), key=lambda each: -each["counts"])
        bins = Bins(values=tuple(each["values"] for each in counted[:MOST_VALUES]))
        return bins, bins.count(values)
    finite = _finite(values)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    edges = tuple(np.linspace(low, high, 12)[1:-1].tolist()) if high > low else ()
    return Bins(edges=edges), Bins(edges=edges).count(values)


def _fits(kind: pa.DataType, bins: Bins) -> bool:
    return (bins.values is not None) == bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _distribution(reference: ReferenceHistogram | None, current: tuple[Bins, Counts] | None) -> Distribution | None:
    if reference is None and current is None:
        return None
    bins = current[0] if current is not None else reference.bins  # type: ignore[union-attr]
    then = _shares(reference.counts) if reference is not None and reference.bins == bins else None
    now = _shares(current[1]) if current is not None else None
    labels = [*(bins.values if bins.values is not None else _intervals(bins.edges or ())), "no value", "unseen"]
    shown = _most_frequent(len(labels), then, now) if bins.values is not None else list(range(len(labels)))
    shown = [n for n in shown if n < len(labels) - 2 or max(_at(then, n), _at(now, n)) > 0]
    left = [n for n in range(len(labels)) if n not in set(shown)]
    rest = [f"{len(left)} others"] if any(_at(then, n) + _at(now, n) for n in left) else []
    return Distribution(
        (*(labels[n] for n in shown), *rest),
        None if then is None else (*(then[n] for n in shown), *([sum(then[n] for n in left)] if rest else [])),
        None if now is None else (*(now[n] for n in shown), *([sum(now[n] for n in left)] if rest else [])),
    )


def _most_frequent(bins: int, then: list[float] | None, now: list[float] | None) -> list[int]:
    own = sorted(range(bins - 2), key=lambda n: -max(_at(then, n), _at(now, n)))
    return [*own[:MOST_VALUES], bins - 2, bins - 1]


def _at(shares: list[float] | None, place: int) -> float:
    return shares[place] if shares is not None else 0.0


def _shares(counts: Counts) -> list[float]:
    shares: list[float] = (counts / max(int(counts.sum()), 1)).tolist()
    return shares


def _intervals(edges: tuple[float, ...]) -> list[str]:
    """Return the names of the bins; each holds its lower edge, and not its upper one."""
    if not edges:
        return ["any number"]
    texts = [f"{edge:.4g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
    return [f"below {texts[0]}", *between, f"{texts[-1]} or more"]


def _statistics(
    reference: ReferenceHistogram | None, rows_of_train: int, values: pa.ChunkedArray | None
) -> tuple[tuple[str, str, str], ...]:
    """Return the numbers that the profile has, and those of the period."""
    now = {} if values is None else _describe(values)
    then: dict[str, str] = {}
    if reference is not None:
        then = {"rows": f"{rows_of_train:,}", "no value": f"{reference.null_share:.2%}"}
        if reference.bins.values is not None:
            then["distinct values"] = f"{len(reference.bins.values):,}"
    return tuple((name, then.get(name, "–"), now.get(name, "–")) for name in dict.fromkeys((*now, *then)))


def _describe(values: pa.ChunkedArray) -> dict[str, str]:
    rows = len(values)
    described = {
        "rows": f"{rows:,}",
        "no value": f"{values.null_count / rows:.2%}" if rows else "–",
        "distinct values": f"{pc.count_distinct(values).as_py():,}",
    }
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return described
    finite: Any = _finite(values)
    if not len(finite):
        return described
    low, first, median, third, high = np.quantile(finite, (0, 0.25, 0.5, 0.75, 1)).tolist()
    deviation = float(finite.std()) if len(finite) > 1 else math.nan
    numbers = {
        "mean": float(finite.mean()), "standard deviation": deviation, "smallest": low, "lower quartile": first,
        "median": median, "upper quartile": third, "largest": high,
    }  # fmt: skip
    return described | {name: "–" if math.isnan(number) else f"{number:.5g}" for name, number in numbers.items()}


def _finite(values: pa.ChunkedArray) -> Any:
    column = values.drop_null()
    column = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
    numbers = column.to_numpy().astype(np.float64)
    return numbers[np.isfinite(numbers)]
