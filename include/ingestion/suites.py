"""Load a suite from expectations.py and check it against the columns of its table."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from great_expectations.exceptions import MetricProviderError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.registry import get_metric_provider

from include.declaration.column_types import CATEGORY
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.names import VERSION_COLUMN
from include.declaration.origin import file_and_line
from include.declaration.rule_text import rule_text
from include.declaration.suite import FeatureSuite, PredictionSuite, Suite, columns_of, is_row_level
from include.declaration.use_case import UseCase
from include.errors import SuiteError
from include.ingestion.pandas_frame import EXACT
from include.ingestion.rule_values import wrong_values

LIMITS = ("min_value", "max_value", "sum_total")
"""Arguments that Great Expectations stores as floats."""


SUITE_OF: Mapping[str, str] = {"shadow_predictions": "predictions"}
"""Table to the table whose suite judges it, too."""
TABLES: Mapping[str, type[Suite]] = {"features": FeatureSuite, "predictions": PredictionSuite}
"""Tables other than feeds whose suites may be declared; each to the suite without a declaration."""


def load_suite(use_case: DataDeclaration, feed: Feed) -> Suite:
    """Call the feed's function in expectations.py and check what it returns.

    Raises:
        BrokenUseCaseError: expectations.py cannot be imported, or has no function of the feed's name.
        SuiteError: the function raises, returns no Suite, or the suite does not fit the feed's columns.
    """
    return _checked(use_case, feed.name, use_case.function("expectations", feed.name), feed.columns)


def load_table_suite(use_case: DataDeclaration, table: str) -> Suite:
    """Return the suite of features or predictions; an empty one if none is declared.

    Raises:
        BrokenUseCaseError: expectations.py cannot be imported.
        SuiteError: the function raises, returns no Suite, or the suite does not fit the table's columns.
    """
    function = use_case.find_function("expectations", table)
    if function is None:
        return TABLES[table]()
    suite = _checked(use_case, table, function, _column_types(use_case, table))
    problems = []
    if type(suite) not in (Suite, TABLES[table]):
        problems.append(f"it returns a {type(suite).__name__}; return a {TABLES[table].__name__}")
    elif isinstance(suite, FeatureSuite):
        excepted = {*suite.may_be_constant, *suite.may_be_null}
        if unknown := sorted(excepted - use_case.features.keys()):
            problems.append(f"its exceptions name {_unknown(unknown, use_case.features, 'declared features are')}")
    if problems:
        raise SuiteError(use_case.name, table, problems)
    return suite


def _column_types(use_case: DataDeclaration, table: str) -> dict[str, str]:
    """Return the columns of features or predictions, with types as those of a feed."""
    if table == "features":
        words = {name: "string" if kind == CATEGORY else kind for name, kind in use_case.features.items()}
        return use_case.key_types() | words
    predicted = use_case.task.prediction_columns if isinstance(use_case, UseCase) else {}
    return {**use_case.key_types(), **predicted, VERSION_COLUMN: "string"}


def _checked(use_case: DataDeclaration, name: str, function: Callable[[], Any], columns: Mapping[str, str]) -> Suite:
    """Call a function of expectations.py and check what it returns, once in a process."""
    checked = _checked_suites.get(function)
    if checked is None or checked[0] is not use_case or checked[1] != name:
        checked = _checked_suites[function] = (use_case, name, _called(use_case, name, function, columns))
    return checked[2]


_checked_suites: WeakKeyDictionary[Callable[[], Any], tuple[DataDeclaration, str, Suite]] = WeakKeyDictionary()
"""Suite of each function that was called, with the use case and the table that it was checked for.

The functions are pure, so a period judged after another needs no new suite, and Great Expectations no new plan.
"""


def _called(use_case: DataDeclaration, name: str, function: Callable[[], Any], columns: Mapping[str, str]) -> Suite:
    try:
        suite = function()
    except Exception as error:
        folder = next(iter(getattr(sys.modules.get(use_case.package), "__path__", [])), None)
        where = file_and_line(error, Path(folder) if folder else None)
        raise SuiteError(use_case.name, name, [f"{where}: {type(error).__name__}: {error}"]) from error
    if not isinstance(suite, Suite):
        returned = "None" if suite is None else f"a {type(suite).__name__}"
        raise SuiteError(
            use_case.name,
            name,
            [f"it returns {returned}; return Suite(rows=(...), table=(...)) of include.declaration.use_case"],
        )
    if problems := [problem for rule in (*suite.rows, *suite.table) for problem in _problems(rule, columns)]:
        raise SuiteError(use_case.name, name, problems)
    return suite


def check_suites(use_case: DataDeclaration) -> None:
    """Load the suite of every feed.

    Raises:
        SuiteError: a suite cannot be used; the first such suite is reported.
    """
    for feed in use_case.feeds:
        load_suite(use_case, feed)


def _problems(expectation: Any, columns: Mapping[str, str]) -> list[str]:
    name = rule_text(expectation)
    unknown = [column for column in columns_of(expectation) if column not in columns]
    if unknown:
        return [f"{name} names {_unknown(unknown, columns)}"]
    return [f"{name}: {problem}" for problem in (*_engine(expectation), *_values(expectation, columns))]


def _unknown(unknown: Sequence[str], columns: Iterable[str], known: str = "it has") -> str:
    near = {name: difflib.get_close_matches(name, list(columns), 1) for name in unknown}
    meant = " and ".join(f"{matches[0]!r} for {name!r}" for name, matches in near.items() if matches)
    hint = f"; did you mean {meant}?" if meant else ""
    return f"columns {list(unknown)}, which do not exist: {known} {list(columns)}{hint}"


def _engine(expectation: Any) -> list[str]:
    """Describe why Great Expectations cannot judge an expectation on rows in memory."""
    metric = getattr(expectation, "map_metric", None)
    if not metric or not is_row_level(expectation):
        return []
    try:
        get_metric_provider(f"{metric}.unexpected_count", PandasExecutionEngine())
    except MetricProviderError:
        return [
            "Great Expectations judges it only in databases; use a regular expression or write your own expectation"
        ]
    return []


def _values(expectation: Any, declared: Mapping[str, str]) -> list[str]:
    """Describe limits that a float cannot hold, and values that a column cannot have."""
    columns = columns_of(expectation)
    types = {declared[column] for column in columns}
    problems = [
        f"{limit}={getattr(expectation, limit):.0f} is not below 2**53, and Great Expectations keeps limits as floats,"
        " which cannot distinguish integers of this size; compare in an expectation of your own"
        for limit in LIMITS
        if isinstance(getattr(expectation, limit, None), float)
        and abs(getattr(expectation, limit)) >= EXACT
        and any(kind == "int64" for kind in types)
        and is_row_level(expectation)
    ]
    return problems + wrong_values(expectation, declared)
