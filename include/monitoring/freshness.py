"""Measure a day's rows against earlier days, and the newest data's age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.declaration.period import Period
from include.monitoring.definitions import STALENESS
from include.monitoring.metric_row import MetricRow, missing_row, row_with_limit

VOLUME = "volume_change"


def volume_change(feed: str, rows: int, before: Sequence[int], limit: float) -> MetricRow:
    """Return a day's rows divided by the mean of the days before, minus 1.

    So -1 means no rows and 1 twice the mean. `before` holds the rows of each landed day, 0 if it had none. A change
    above the limit in either direction is a breach; not judged if the days before have no rows.
    """
    if not before:
        return missing_row(
            VOLUME, feed, "There is no earlier period to compare with (look_back_periods sets how many).", limit
        )
    if not sum(before):
        return missing_row(VOLUME, feed, "The look-back periods have no rows to compare with.", limit)
    change = rows / (sum(before) / len(before)) - 1
    return MetricRow(VOLUME, feed, change, limit=limit, breached=abs(change) > limit)


def staleness(subject: str, period: Period, newest: Period | None, limit: float) -> MetricRow:
    """Return the number of periods since a table's newest partition.

    It is 0 if that is newer than `period`. Above the limit is a breach.
    """
    if newest is None:
        return missing_row(STALENESS, subject, f"There are no {subject} up to {period}.", limit)
    return row_with_limit(STALENESS, subject, float(max(period - newest, 0)), limit)


def lateness(period: Period, complete: Period | None, due: Period | None, limit: float) -> MetricRow:
    """Return the days from the newest day with complete labels to `due`.

    `due` is the newest day with rows whose labels should be complete by `period`; None if there is none. A day without
    rows has no labels that could be late.
    """
    if complete is None:
        return missing_row(STALENESS, "labels", f"There are no complete labels up to {period}.", limit)
    return row_with_limit(STALENESS, "labels", float(due - complete) if due and due > complete else 0.0, limit)


def unscored_periods(rows: int, predictions: int) -> MetricRow:
    """Return the difference of the rows of features and predictions; any is a breach."""
    return row_with_limit("unscored_rows", "predictions", float(abs(rows - predictions)), 0.0)


def champion_age(period: Period, as_of: Period, limit: int) -> MetricRow:
    """Return the days since the model's training day.

    At the limit or above is a breach.
    """
    periods = period - as_of
    return MetricRow(STALENESS, "model", float(periods), limit=float(limit), breached=periods >= limit)


def feed_freshness(
    feed: str, landed: int, checked: int | None, reasons: Mapping[str, int], quarantined: int
) -> list[MetricRow]:
    """Return a day's landed, published and quarantined rows of a feed.

    The last are also by reason. `checked` is None if the day is not published. A row with two reasons counts for each.
    """
    rows = [MetricRow("rows", feed, float(landed))]
    if checked is None and landed:
        missing_reason = "The period is not published: it was refused, or is not validated yet; see its data run."
        return [*rows, missing_row("published", feed, missing_reason), missing_row("quarantined", feed, missing_reason)]
    rows.append(MetricRow("published", feed, float((checked or 0) - quarantined)))
    rows.append(MetricRow("quarantined", feed, float(quarantined)))
    by_reason = sorted(reasons.items())
    return [*rows, *(MetricRow("quarantined_by_reason", f"{feed}: {name}", float(n)) for name, n in by_reason)]
