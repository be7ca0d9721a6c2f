"""Build the features and labels of a day from the rows known at its decision time."""

from __future__ import annotations

from include.declaration.feeds import Feed
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.features import group_join, materialize
from include.ingestion import data_docs, ingest, validate
from include.ingestion.correction_log import CorrectionLog
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import Commit
from include.model import splits
from include.project import DataProject, Project


def build_features(project: DataProject, period: Period, *, again: bool = False) -> Commit:
    """Write the labels that became known on `period`, then the features of `period`.

    What was made from the same inputs by the same code is not built again, unless `again`.

    Look-back days that are not in the lake are landed first, by the same stages, and missing features of the used
    feature groups are built: the content of a day depends only on its source, so the order of runs does not matter.
    """
    use_case = project.use_case
    use_case.require(period)
    since = max(use_case.first_period, period - use_case.look_back_periods)
    land_missing(project, since, period)
    for group, known in group_join.used_periods(use_case, period).values():
        ensure_features(project.of_group(group), known, known)
    view = project.lake.as_of(period)
    if isinstance(use_case, UseCase):
        _build(view, "labels", "labels", since, again)
    return _build(view, "features", "build", since, again)


def _build(view: AsOfSnapshot, table: str, function: str, since: Period, again: bool) -> Commit:
    use_case = view.lake.use_case
    unchanged = None if again else materialize.find_unchanged(use_case, table, function, view, since)
    return unchanged or materialize.materialize(use_case, table, function, view, since)


def ensure_features(project: DataProject, first: Period, last: Period) -> list[Period]:
    """Build missing features and labels of `first` to `last`; return the days built."""
    existing = project.lake.as_of(last).partitions("features", first, last)
    missing = [
        period for period in period_range(max(first, project.use_case.first_period), last) if period not in existing
    ]
    for period in missing:
        build_features(project, period)
    return missing


def ensure_window(project: Project, period: Period, window_periods: int | None) -> tuple[Period, Period, int]:
    """Build the missing days that a training as of `period` reads.

    Returns the first and last day of its window, and the number of days built. `period` itself is built too, because
    the labels that became known at its start are written with it.
    """
    project.use_case.require(period)
    first, last = splits.training_window(project.use_case, period, window_periods)
    return first, last, len(ensure_features(project, project.use_case.labels_since(first), period))


def land_missing(project: DataProject, first: Period, last: Period) -> None:
    """Ingest and validate the days of `first` to `last` that are not in the lake yet.

    Raises:
        DataError: a day fails; the text names it.
    """
    for feed in project.use_case.feeds:
        land_missing_feed(project, feed, first, last)


def land_missing_feed(project: DataProject, feed: Feed, first: Period, last: Period) -> None:
    """Ingest and validate the days of one feed that are not in the lake yet.

    Raises:
        DataError: a day fails; the text names it.
    """
    existing = project.lake.as_of(last).partitions(f"checked/{feed.name}", first, last)
    for period in period_range(first, last):
        if period not in existing and _has_rows(project, feed, period):
            ingest.land_feed(project, feed, period)
            validate.check_feed(project, feed, period)
            if project.settings.writes_data_docs:
                data_docs.write_index(project.use_case.name)


def _has_rows(project: DataProject, feed: Feed, period: Period) -> bool:
    """Return whether the day can have rows of the feed.

    A day declared absent can have corrections from before it was declared absent.
    """
    if period not in feed.missing_periods:
        return True
    return any(correction.known_on == period for correction in CorrectionLog.open(project, feed.name).accepted())
