"""Read labels as they were known, and join them to the rows that they are about."""

from __future__ import annotations

import ibis

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake.snapshot import AsOfSnapshot

_RANK = "__airworthy_rank"


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
    """Join rows of features or predictions to the labels of their keys and `day`.

    Unlabelled rows are dropped. `labels` are those of `known_labels`. Joining on keys only is not enough: a customer
    has the same key on every day.
    """
    about = rows["period"] == labels[use_case.label_period]
    joined = rows.join(labels, [*use_case.keys, about])
    return joined.select(*rows.columns, use_case.label.name)
