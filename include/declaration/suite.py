"""Declare the expectations of rows of a feed, of features or of predictions.

They are checked on creation.

Expectations are recognised by the names of their classes, so that nothing heavy is imported here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from include.declaration.problems import declared_whole, require
from include.declaration.rule_text import rule_text

ROW_LEVEL = frozenset({"ColumnMapExpectation", "ColumnPairMapExpectation", "MulticolumnMapExpectation"})
"""Base classes of expectations that judge each row."""
TYPE_RULES = frozenset({"ExpectColumnValuesToBeOfType", "ExpectColumnValuesToBeInTypeList", "ExpectColumnTypeToBe"})
"""Expectations about types: they would check pandas' types, which the feed does not declare."""


@declared_whole
@dataclass(frozen=True)
class Suite:
    """Great Expectations' expectations for one day of a table.

    It is a feed, the features or the predictions.

    A function of expectations.py returns it.

    Raises:
        DeclarationError: an expectation is in the wrong field, occurs twice or has an option that is not supported. All
            problems are listed at once.
    """

    rows: tuple[Any, ...] = ()
    """Row-level expectations: a row of a feed that breaks one is quarantined with the reason; the others are published.
    Of features and predictions no row may be left out, so a row that breaks one refuses the day."""
    table: tuple[Any, ...] = ()
    """Expectations on the whole day: if one fails, the day is refused. A row-level expectation here refuses the day if
    more rows break it than its `mostly` allows."""

    def __post_init__(self) -> None:
        for field in ("rows", "table"):
            given = getattr(self, field)
            if isinstance(given, str) or not isinstance(given, Iterable):
                require(False, f"{field} is a {type(given).__name__}; give a tuple of expectations.", field=field)
                given = ()
            object.__setattr__(self, field, tuple(given))
            for index, value in enumerate(getattr(self, field)):
                for problem in _problems(value, field):
                    require(False, f"{problem}.", field=f"{field}[{index}]")
        expectations = [value for value in (*self.rows, *self.table) if _is_expectation(value)]
        for problem in _duplicates(expectations):
            require(False, f"{problem}.")


@declared_whole
@dataclass(frozen=True)
class FeatureSuite(Suite):
    """Expectations of the features of a period, and exceptions.

    By default, no feature may be null in all rows of a period, or have one value in all.
    """

    may_be_constant: tuple[str, ...] = ()
    """Features that may have one value in all rows of a period, such as the day of the week."""
    may_be_null: tuple[str, ...] = ()
    """Features that may be null in all rows of a period, such as a measurement that is sometimes not taken."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("may_be_constant", "may_be_null"):
            names = getattr(self, field)
            are_names = not isinstance(names, str) and all(isinstance(name, str) for name in names)
            require(are_names, f"{field} is {names!r:.80}; give a tuple of the names of features.", field=field)
            object.__setattr__(self, field, tuple(names) if are_names else ())


@declared_whole
@dataclass(frozen=True)
class PredictionSuite(Suite):
    """Expectations of the predictions of a period, and an exception.

    By default, each prediction is in the range of its task, and predictions differ where features do.
    """

    may_be_equal: bool = False
    """Whether all predictions of a period may be equal."""


def columns_of(expectation: Any) -> list[str]:
    """List the columns that an expectation reads."""
    single = [getattr(expectation, name, None) for name in ("column", "column_A", "column_B")]
    listed = getattr(expectation, "column_list", None) if is_row_level(expectation) else None
    return [column for column in (*single, *(listed or ())) if isinstance(column, str)]


def is_row_level(expectation: Any) -> bool:
    """Return whether an expectation checks each row."""
    return not ROW_LEVEL.isdisjoint(_base_names(expectation))


def _base_names(expectation: Any) -> set[str]:
    return {base.__name__ for base in type(expectation).__mro__}


def _is_expectation(value: Any) -> bool:
    return "Expectation" in _base_names(value)


def _problems(expectation: Any, place: str) -> list[str]:
    """Return the problems of one expectation of `rows` or `table` as texts."""
    kind = type(expectation).__name__
    if not _is_expectation(expectation):
        hint = f"write {expectation.__name__}(...)" if isinstance(expectation, type) else "give expectations only"
        return [f"{place} holds {expectation!r:.80}, which is not an expectation of Great Expectations; {hint}"]
    name, problems = rule_text(expectation), []
    if kind in TYPE_RULES:
        problems.append(
            f"{name}: the columns and types of a feed are declared in its Feed and checked exactly when a period is"
            " landed; leave this expectation out"
        )
    elif place == "rows" and not is_row_level(expectation):
        problems.append(f"{name} checks the period as a whole, not each row; move it from rows to table")
    if place == "rows" and getattr(expectation, "mostly", 1) != 1:
        problems.append(
            f"{name}: mostly={expectation.mostly} has no meaning in rows, where each row that breaks the expectation is"
            " quarantined; leave it out, set the feed's max_quarantined, or move the expectation to table"
        )
    if getattr(expectation, "row_condition", None):
        problems.append(
            f"{name}: row_condition is not supported, since Great Expectations evaluates it by pandas' rules for"
            " missing values; write your own expectation that passes if the condition does not hold"
        )
    severity = getattr(expectation, "severity", None)
    if severity is not None and str(getattr(severity, "value", severity)) != "critical":
        problems.append(
            f"{name}: severity is not supported: a broken expectation quarantines the row (in rows) or refuses the"
            f" period"
            " (in table); leave it out"
        )
    if any(isinstance(value, dict) and "$PARAMETER" in value for value in _arguments(expectation)):
        problems.append(f"{name}: suite parameters ($PARAMETER) are not supported; write the value")
    return problems


def _arguments(expectation: Any) -> Iterable[Any]:
    return [value for _, value in expectation]


def _duplicates(expectations: Iterable[Any]) -> list[str]:
    count = Counter(rule_text(expectation) for expectation in expectations)
    return [f"{name} occurs {number} times; keep one" for name, number in count.items() if number > 1]
