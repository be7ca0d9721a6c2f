"""Check which period a row of features, labels and predictions is about.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from include.declaration.problems import did_you_mean, require

PARTITION = "<partition>"
"""Value of `UseCase.period` if no key holds the period: the period is the day of the row's partition."""
LABELLED_PERIOD = "labelled_period"
"""The column that `labels` returns in addition to keys and label if the period is `PARTITION`."""


def require_period(period: str, key_types: Mapping[str, str], others: Collection[str], column_type: str) -> None:
    """Report a declaration that does not determine the period of a row.

    Reported are: no period, a period that is no key of the calendar's type, and a column named `labelled_period` where
    `labels` adds one. `others` are the names of features.
    """
    dates = [key for key, kind in key_types.items() if kind == column_type]
    choice = (
        f"the {column_type} key that holds it ({dates})"
        if dates
        else f"a {column_type} key that holds it (there is none)"
    )
    advice = (
        f"Declare period={choice}, or period=PARTITION if no key does: `labels` then returns a {column_type}"
        f" column {LABELLED_PERIOD!r}, the period of the feature row that a label is about. Without it the label of one"
        " period would be joined to the features of every period."
    )
    if period == PARTITION:
        require_not_labelled_period((*key_types, *others), "period")
    elif not period:
        require(False, "the period of a row is not declared.", field="period", hint=advice)
    elif period not in key_types:
        hint = f"{did_you_mean(period, dates)} {advice}".strip()
        require(False, f"period={period!r} is not one of the keys {list(key_types)}.", field="period", hint=hint)
    else:
        problem = f"the key period={period!r} has the type {key_types[period]}; it must be a {column_type}."
        require(period in dates, problem, field="period", hint=advice)


def require_not_labelled_period(names: Collection[str], field: str) -> None:
    """Report columns named as the one that `labels` adds for `period=PARTITION`."""
    taken = [name for name in names if name.casefold() == LABELLED_PERIOD]
    own = f"for period=PARTITION, `labels` returns a column {LABELLED_PERIOD!r} of its own"
    require(not taken, f"{taken} cannot be a column: {own}.", field=field, hint="Rename yours.")
