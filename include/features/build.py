"""Build features: the declared rows of a day, from what was known when it began."""

from __future__ import annotations

from datetime import date, timedelta

from include.declaration.use_case import Feed, UseCase
from include.features import label, materialize
from include.ingestion import data_docs, ingest, validate
from include.ingestion.correction_log import CorrectionLog
from include.lake.lake import Commit
from include.lake.partitions import days_from
from include.model import splits
from include.project import Project


def build_features(project: Project, day: date) -> Commit:
    """Write the labels that became known on `day`, then the features of `day`.

    Look-back days that are not in the lake are landed first, by the same stages: what stands in a day depends
    on its source alone, so the order in which days are run does not matter.
    """
    use_case = project.use_case
    use_case.require(day)
    since = max(use_case.first_period, day - timedelta(days=use_case.look_back_periods))
    land_missing(project, since, day)
    view = project.lake.as_of(day)
    label.build_labels(use_case, view, since)
    return materialize.materialize(use_case, "features", "build", view, since)


def ensure_features(project: Project, first: date, last: date) -> list[date]:
    """Build the features and labels of each of these days that has none yet; the days that were built."""
    there = project.lake.as_of(last).partitions("features", first, last)
    missing = [day for day in days_from(max(first, project.use_case.first_period), last) if day not in there]
    for day in missing:
        build_features(project, day)
    return missing


def ensure_window(project: Project, day: date, window_periods: int | None) -> tuple[date, date, int]:
    """Build whatever a training as of `day` reads: first and last day of its window, and how many were built.

    The day itself is built too: the labels that became known at its start are written with it.
    """
    project.use_case.require(day)
    first, last = splits.training_window(project.use_case, day, window_periods)
    return first, last, len(ensure_features(project, first, day))


def land_missing(project: Project, first: date, last: date) -> None:
    """Ingest and validate whatever of these days is not in the lake yet; DataError names the day that fails."""
    use_case = project.use_case
    view = project.lake.as_of(last)
    for feed in use_case.feeds:
        there = view.partitions(f"checked/{feed.name}", first, last)
        for day in days_from(first, last):
            if day not in there and _comes(use_case, feed, day):
                ingest.land_feed(project, feed, day)
                validate.check_feed(project, feed, day)
                data_docs.write_index(use_case.name)


def _comes(use_case: UseCase, feed: Feed, day: date) -> bool:
    """Whether the day brings anything: a day that was declared absent after rows had been sent back to it does."""
    if day not in feed.missing_periods:
        return True
    return any(each.known_on == day for each in CorrectionLog.of(use_case, feed.name).standing())
