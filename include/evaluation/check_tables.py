"""Find problems in the landed and built tables of a use case.

This is done before a model is trained on them.
"""

from __future__ import annotations

from collections.abc import Iterator

from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.errors import AirworthyError
from include.evaluation.check_finding import CheckFinding
from include.features.labels import known_labels
from include.grammar import counted
from include.model import splits
from include.printable import escape_line
from include.project import Project
from include.training import dataset

MOST_REASONS = 3
"""Quarantine reasons, the most frequent ones, that are named of a feed."""


def findings_of_quarantine(project: Project, first: Period, last: Period) -> Iterator[CheckFinding]:
    """Yield a finding for each feed with quarantined rows.

    It has their number and the most frequent reasons.
    """
    view = project.lake.as_of(last)
    for feed in project.use_case.feeds:
        checked = view.table(f"checked/{feed.name}", first)
        quarantined = checked.filter(checked.reasons.length() > 0)
        number = quarantined.count().to_pyarrow().as_py()
        if number:
            counts = quarantined.select(reason=quarantined.reasons.unnest()).reason.value_counts(name="rows")
            reasons = counts.order_by(counts["rows"].desc(), "reason").limit(MOST_REASONS).to_pyarrow().to_pylist()
            total = checked.count().to_pyarrow().as_py()
            yield CheckFinding("warning", _quarantine_text(feed, number, total, reasons))


def _quarantine_text(feed: Feed, number: int, total: int, reasons: list[dict[str, object]]) -> str:
    often = "; ".join(f"{escape_line(reason['reason'])} ({reason['rows']:,})" for reason in reasons)
    return (
        f"feed {feed.name!r}: {number:,} of {total:,} rows are quarantined and not used, most often because {often}."
        " Correct the source, or the expectation in expectations.py."
    )


def findings_of_features(project: Project, period: Period) -> Iterator[CheckFinding]:
    """Yield a warning for each feature that is always null or constant.

    Always means in all rows of the training window.
    """
    use_case = project.use_case
    first, last = splits.training_window(use_case, period)
    rows = project.lake.as_of(period).table("features", first, last)
    names = [*use_case.features]
    measured = rows.aggregate(
        **{f"n{place}": rows[name].nunique() for place, name in enumerate(names)},
        **{f"v{place}": rows[name].count() for place, name in enumerate(names)},
        rows=rows.count(),
    )
    [found] = measured.to_pyarrow().to_pylist()
    for place, name in enumerate(names):
        if found["rows"] and found[f"n{place}"] <= 1:
            null, some = found[f"v{place}"] == 0, found[f"v{place}"] < found["rows"]
            state = "null" if null else "the same wherever it is not null" if some else "the same"
            where = f"in all {found['rows']:,} rows of {first} to {last}"
            yield CheckFinding(
                "warning", f"feature {name!r} is {state} {where}: nothing can be learned from it. Correct `build`."
            )


def findings_of_joined_labels(project: Project, period: Period) -> Iterator[CheckFinding]:
    """Yield a warning if labels of the training window belong to no row of features."""
    use_case = project.use_case
    first, last = splits.training_window(use_case, period)
    view = project.lake.as_of(period)
    labels = known_labels(use_case, view, first)
    about = labels[use_case.label_period]
    labels = labels.filter((about >= first.start) & (about <= last.start))
    features = view.table("features", first, last)
    keys = [(labels[key] == features[key]) for key in use_case.keys]
    lost = labels.anti_join(features, [*keys, labels[use_case.label_period] == features["period"]])
    total, missing = labels.count().to_pyarrow().as_py(), lost.count().to_pyarrow().as_py()
    if missing:
        yield CheckFinding(
            "warning",
            f"{missing:,} of {counted(total, 'label')} of {first} to {last} belong to no row of features and are not"
            f" used. Rows are matched by {[*use_case.keys]} and the period: return equal ones from both functions.",
        )


def findings_of_history(project: Project, period: Period) -> Iterator[CheckFinding]:
    """Yield an error if the labelled days cannot be split as declared."""
    use_case = project.use_case
    first, last = splits.training_window(use_case, period)
    rows = dataset.labelled_rows(use_case, project.lake.as_of(period), first, last)
    try:
        splits.split_periods(use_case, period, first, use_case.calendar.periods_of(rows["period"].unique().to_pylist()))
    except AirworthyError as error:
        yield CheckFinding("error", str(error))
