"""A suite: the expectations that a feed's rows must meet, checked when it is made.

Expectations are told apart by the names of their classes, so that nothing heavy is imported here.
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
"""Expectations about types: they would judge pandas' types, which the feed does not declare."""


@declared_whole
@dataclass(frozen=True)
class Suite:
    """What a function of expectations.py returns: Great Expectations' expectations on one day's rows of a feed.

    Raises:
        DeclarationError: an expectation is in the wrong place, occurs twice or has an option that is not supported. All
            problems are listed at once.
    """

    rows: tuple[Any, ...] = ()
    """Row-level expectations: a row that breaks one is quarantined with the reason, the others are published."""
    table: tuple[Any, ...] = ()
    """Expectations on the day as a whole: one broken refuses the day. A row-level expectation here refuses the day
    where more rows break it than its `mostly` allows."""

    def __post_init__(self) -> None:
        for field in ("rows", "table"):
            given = getattr(self, field)
            if isinstance(given, str) or not isinstance(given, Iterable):
                require(False, f"{field} is a {type(given).__name__}; give a tuple of expectations.", field=field)
                given = ()
            object.__setattr__(self, field, tuple(given))
            for place, each in enumerate(getattr(self, field)):
                for problem in _problems(each, field):
                    require(False, f"{problem}.", field=f"{field}[{place}]")
        every = [each for each in (*self.rows, *self.table) if _is_expectation(each)]
        for problem in _duplicates(every):
            require(False, f"{problem}.")


def is_row_level(expectation: Any) -> bool:
    """Tell whether an expectation judges each row."""
    return not ROW_LEVEL.isdisjoint(_base_names(expectation))


def _base_names(expectation: Any) -> set[str]:
    return {base.__name__ for base in type(expectation).__mro__}


def _is_expectation(value: Any) -> bool:
    return "Expectation" in _base_names(value)


def _problems(expectation: Any, place: str) -> list[str]:
    """Say what is wrong with one expectation of `rows` or `table`."""
    kind = type(expectation).__name__
    if not _is_expectation(expectation):
        hint = f"write {expectation.__name__}(...)" if isinstance(expectation, type) else "give expectations alone"
        return [f"{place} holds {expectation!r:.80}, which is no expectation of Great Expectations; {hint}"]
    name, found = rule_text(expectation), []
    if kind in TYPE_RULES:
        found.append(
            f"{name}: the columns and types of a feed are declared in its Feed and checked exactly when a day is"
            " landed; leave this expectation out"
        )
    elif place == "rows" and not is_row_level(expectation):
        found.append(f"{name} judges the day as a whole, not each row; move it from rows to table")
    if place == "rows" and getattr(expectation, "mostly", 1) != 1:
        found.append(
            f"{name}: mostly={expectation.mostly} has no meaning in rows, where each row that breaks the expectation is"
            " quarantined; leave it out, set the feed's max_quarantined, or move the expectation to table"
        )
    if getattr(expectation, "row_condition", None):
        found.append(
            f"{name}: row_condition is not supported, since Great Expectations judges it by pandas' rules for missing"
            " values; write an expectation of your own that holds wherever the condition does not"
        )
    severity = getattr(expectation, "severity", None)
    if severity is not None and str(getattr(severity, "value", severity)) != "critical":
        found.append(
            f"{name}: severity is not supported: a broken expectation quarantines the row (in rows) or refuses the day"
            " (in table); leave it out"
        )
    if any(isinstance(value, dict) and "$PARAMETER" in value for value in _arguments(expectation)):
        found.append(f"{name}: suite parameters ($PARAMETER) are not supported; write the value")
    return found


def _arguments(expectation: Any) -> Iterable[Any]:
    return [value for _, value in expectation]


def _duplicates(expectations: Iterable[Any]) -> list[str]:
    count = Counter(rule_text(each) for each in expectations)
    return [f"{name} occurs {number} times; keep one" for name, number in count.items() if number > 1]
