"""Arrivals: how much has come, compared with the days before, and how old the newest is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from include.monitoring.definitions import STALENESS
from include.monitoring.metric_row import MetricRow, missing_row, row_with_limit

VOLUME = "volume_change"


def volume_change(feed: str, rows: int, before: Sequence[int], limit: float) -> MetricRow:
    """Rows of a feed's day as a share of the mean of the days before, less 1: -1 is none, 0 as many, 1 twice as many.

    `before` are the rows of each day that has landed, 0 where it had none. Breached beyond the limit in either
    direction; not judged where the days before have no rows.
    """
    if not before:
        return missing_row(
            VOLUME, feed, "There is no day before to compare with (look_back_periods says how many).", limit
        )
    if not sum(before):
        return missing_row(VOLUME, feed, "The look-back days have no rows to compare with.", limit)
    change = rows / (sum(before) / len(before)) - 1
    return MetricRow(VOLUME, feed, change, limit=limit, breached=abs(change) > limit)


def staleness(subject: str, day: date, newest: date | None, limit: float) -> MetricRow:
    """Days from the newest partition of a table to `day`; more than the limit is a breach."""
    if newest is None:
        return missing_row(STALENESS, subject, f"There are no {subject} up to {day}.", limit)
    return row_with_limit(STALENESS, subject, float((day - newest).days), limit)


def lateness(day: date, complete: date | None, due: date | None, limit: float) -> MetricRow:
    """Days from the newest day with complete labels to the newest that should have them by `day`.

    `due` is the newest day, old enough for its labels to have matured, that is not recorded as empty: a shop that is
    shut has no labels, and none are late. None where there is no such day.
    """
    if complete is None:
        return missing_row(STALENESS, "labels", f"There are no complete labels up to {day}.", limit)
    return row_with_limit(STALENESS, "labels", float((due - complete).days) if due and due > complete else 0.0, limit)


def unscored_periods(rows: int, predictions: int) -> MetricRow:
    """Rows of features without a prediction, or predictions without such a row; any is a breach."""
    return row_with_limit("unscored_rows", "predictions", float(abs(rows - predictions)), 0.0)


def champion_age(day: date, as_of: date, limit: int) -> MetricRow:
    """Days since the day as of which a model was trained; from the limit on it is old."""
    days = (day - as_of).days
    return MetricRow(STALENESS, "model", float(days), limit=float(limit), breached=days >= limit)


def feed_freshness(
    feed: str, landed: int, checked: int | None, reasons: Mapping[str, int], quarantined: int
) -> list[MetricRow]:
    """Rows of a feed's day that landed, were published and quarantined, and for which reasons.

    `checked` is None where nothing of the day is published. A row with two reasons counts for each.
    """
    found = [MetricRow("rows", feed, float(landed))]
    if checked is None and landed:
        state = "Nothing of the day is published: it was refused, or is not validated yet; see its data run."
        return [*found, missing_row("published", feed, state), missing_row("quarantined", feed, state)]
    found.append(MetricRow("published", feed, float((checked or 0) - quarantined)))
    found.append(MetricRow("quarantined", feed, float(quarantined)))
    by_reason = sorted(reasons.items())
    return [*found, *(MetricRow("quarantined_by_reason", f"{feed}: {name}", float(n)) for name, n in by_reason)]
