"""Read labels as they were known, and join them to the rows that they are about."""

from __future__ import annotations

import ibis
import pyarrow as pa

from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import NotReadyError
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.model.arrays import Numbers
from include.model.season import SEASON_AGO
from include.model.tasks import task_model
from include.model.tasks.labels import label_tally

_RANK, _KNOWN, _ABOUT = "__airworthy_rank", "__airworthy_known", "__airworthy_about"
_OF, _AGO, _OWN = "__airworthy_of", "__airworthy_ago", "__airworthy_key_"


class LabelsOutdatedError(NotReadyError):
    """Labels in the lake are impossible for the declared task."""

    def __init__(self, use_case: str, label: str, what: str) -> None:
        self.use_case, self.label, self.what = use_case, label, what
        super().__init__(
            f"{use_case}: rows {what}. These labels were stored under another declaration: run {use_case}__data again"
            " for their periods, or declare the task that they fit."
        )


def encoded_labels(use_case: UseCase, column: pa.ChunkedArray) -> Numbers:
    """Return the labels of a column as numbers; null as NaN.

    Raises:
        LabelsOutdatedError: one is impossible for the task, such as a class that is not declared any more.
    """
    if column.type == schemas.arrow_type(use_case.task.label_type):  # others are encoded, and were checked before
        tally = label_tally(use_case.task, use_case.label.name)
        for chunk in column.chunks:
            tally.add(chunk)
        if tally.problem:
            raise LabelsOutdatedError(use_case.name, use_case.label.name, tally.problem)
    return task_model(use_case).encode_labels(column)


def known_labels(use_case: UseCase, view: AsOfSnapshot, since: Period) -> ibis.Table:
    """Return the labels known from `since` to the view's day, one row per key.

    The columns are `UseCase.label_keys` and the label. If a row has several labels, the one that became known last
    counts; if that one is null, the label is not known.
    """
    label, keys = use_case.label.name, list(use_case.label_keys)
    known = view.table("labels", since)
    ranked = known.mutate(ibis.row_number().over(group_by=keys, order_by=known["period"].desc()).name(_RANK))
    newest = ranked.filter(ranked[_RANK] == 0)
    return newest.filter(newest[label].notnull()).select(*keys, label)


def join_labels(use_case: UseCase, rows: ibis.Table, labels: ibis.Table) -> ibis.Table:
    """Join rows of features or predictions to the labels of their keys and `period`.

    Unlabelled rows are dropped. `labels` are those of `known_labels`. Joining on keys only is not enough: a customer
    has the same key on every day.
    """
    about = rows["period"] == labels[use_case.label_period]
    joined = rows.join(labels, [*use_case.keys, about])
    return joined.select(*rows.columns, use_case.label.name)


def join_season(use_case: UseCase, view: AsOfSnapshot, rows: ibis.Table, first: Period, last: Period) -> ibis.Table:
    """Add the label of the same keys one season earlier, as `SEASON_AGO`.

    The rows are those of `first` to `last`. It is the label as known at the decision time of each row: one that became
    known, or was corrected, later is not seen. It is null where there is none. Without a declared season, the rows are
    returned as they are.
    """
    lag = use_case.season_lag
    if lag is None:
        return rows
    entity, label = [key for key in use_case.keys if key != use_case.period], use_case.label.name
    periods, column_type = period_range(first, last), schemas.arrow_type(use_case.calendar.column_type)
    of, ago = ([period.start for period in each] for each in (periods, [period - lag for period in periods]))
    days = ibis.memtable(pa.table({_OF: pa.array(of, column_type), _AGO: pa.array(ago, column_type)}))
    labels = view.table("labels", first - lag, last)
    # Other names than those of the rows, whatever these are.
    renamed = {f"{_OWN}{number}": labels[key] for number, key in enumerate(entity)}
    labels = labels.select(
        **renamed, **{_KNOWN: labels["period"], _ABOUT: labels[use_case.label_period], SEASON_AGO: labels[label]}
    )
    earlier = labels.join(days, labels[_ABOUT] == days[_AGO])
    earlier = earlier.filter(earlier[_KNOWN] <= earlier[_OF])
    newest = ibis.row_number().over(group_by=[*renamed, _OF], order_by=earlier[_KNOWN].desc())
    earlier = earlier.mutate(newest.name(_RANK))
    earlier = earlier.filter(earlier[_RANK] == 0).select(*renamed, _OF, SEASON_AGO)
    same = [rows[key] == earlier[own] for key, own in zip(entity, renamed, strict=True)]
    joined = rows.left_join(earlier, [rows["period"] == earlier[_OF], *same])
    return joined.select(*rows.columns, SEASON_AGO)
