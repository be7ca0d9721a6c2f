"""Labels as they were known: of several for one row, the newest."""

from __future__ import annotations

from datetime import date

import ibis

from include.storage.view import View
from include.use_case import UseCase


def known_labels(use_case: UseCase, view: View, since: date) -> ibis.Table:
    """Keys and label of every row whose label became known from `since` to the view's day, one row per key.

    A label that was corrected counts as it was corrected last; one that was corrected to null is not known.
    """
    label, keys = use_case.label.name, list(use_case.keys)
    known = view.table("labels", since)
    ranked = known.mutate(place=ibis.row_number().over(group_by=keys, order_by=known.day.desc()))
    newest = ranked.filter(ranked.place == 0)
    return newest.filter(newest[label].notnull()).select(*keys, label)
