"""Run Great Expectations on one day's rows; list the rules that each row breaks."""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.core import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.validator.validation_statistics import calc_validation_statistics

from include.declaration.personal import MASK, mask_text
from include.declaration.rule_text import reason_text
from include.declaration.suite import Suite, columns_of
from include.errors import shorten
from include.ingestion.key_rules import Places, broken_keys
from include.ingestion.pandas_frame import to_frame
from include.ingestion.rule_judge import JudgedRule, judge_expectations
from include.ingestion.rule_result import RuleResult

REASON = pa.field("element", pa.string())
OBSERVED_LENGTH = 200
"""Characters of an observed value that a report keeps."""
# Great Expectations' thirty lines per feed would hide the task's own log lines.
logging.getLogger("great_expectations").setLevel(logging.WARNING)


@dataclass(frozen=True)
class BrokenRule:
    """A table-level expectation that the rows break."""

    expectation: str
    observed: str

    def __str__(self) -> str:
        return f"{self.expectation} (observed {self.observed})"


@dataclass(frozen=True)
class ExpectationResults:
    """Results of a day's expectations."""

    reasons: pa.ListArray
    """Per row, in order: the row-level expectations that it breaks."""
    broken: tuple[BrokenRule, ...]
    """Table-level expectations that the day breaks."""
    raised: tuple[str, ...]
    """Expectations that raised an error: a fault of the expectation, never of the data."""
    document: ExpectationSuiteValidationResult
    rules: tuple[RuleResult, ...] = ()
    """The judgement of each rule: those about keys, of rows, and of the whole day."""

    @property
    def quarantined(self) -> int:
        """Return the number of rows that break at least one row-level expectation."""
        return broken_rows(self.reasons)


def judge_rows(
    suite: Suite, rows: pa.Table, name: str, keys: Sequence[str] = (), personal: Collection[str] = ()
) -> ExpectationResults:
    """Judge rows by a suite and, with `keys`, by the rules about keys.

    `name` becomes the title of the document. No result has values of `personal` columns.
    """
    expectations = [*suite.rows, *suite.table]
    as_floats = _compared_only(expectations, rows.column_names)
    judged = judge_expectations(to_frame(rows, as_floats), expectations)
    if as_floats and any(len(rule.places) for rule in judged):  # the document shows broken values as they are
        judged = judge_expectations(to_frame(rows), expectations)
    if personal:
        judged = [_masked(expectation, rule, personal) for expectation, rule in zip(expectations, judged, strict=True)]
    of_rows = len(suite.rows)
    broken = [
        BrokenRule(reason_text(expectation), _observed(rule.result.result))
        for expectation, rule in zip(suite.table, judged[of_rows:], strict=True)
        if not rule.failure and not rule.result.success
    ]
    failures = [
        f"{reason_text(expectation)}: {rule.failure}"
        for expectation, rule in zip(expectations, judged, strict=True)
        if rule.failure
    ]
    about_rows = [
        *(broken_keys(rows, keys) if keys else ()),
        *zip(map(reason_text, suite.rows), (rule.places for rule in judged[:of_rows]), strict=True),
    ]
    return ExpectationResults(
        reasons_of_rows(rows.num_rows, about_rows),
        tuple(broken),
        tuple(failures),
        _document([rule.result for rule in judged], name),
        (
            *(RuleResult(reason, "row", not len(places), len(places)) for reason, places in about_rows),
            *map(_table_rule, suite.table, judged[of_rows:]),
        ),
    )


COMPARISONS = frozenset({gxe.ExpectColumnValuesToBeBetween, gxe.ExpectColumnValuesToNotBeNull})
"""Rules that judge an integer and the float of its value alike."""


def _compared_only(expectations: Sequence[Any], columns: Sequence[str]) -> set[str]:
    """Return the columns that are only compared by rules.

    A use case's own expectation of the whole period may read every column.
    """
    compared: set[str] = set()
    exact: set[str] = set()
    for expectation in expectations:
        read = set(columns_of(expectation)) or (set() if _is_of_library(expectation) else set(columns))
        read |= set(columns) if getattr(expectation, "row_condition", None) else set()
        (compared if type(expectation) in COMPARISONS else exact).update(read)
    return compared - exact


def _masked(expectation: Any, rule: JudgedRule, personal: Collection[str]) -> JudgedRule:
    """Return only the counts of a judgement that may read a personal column.

    A use case's own expectation, and a rule that names no column, may read every column.
    """
    read = set(columns_of(expectation))
    if read and _is_of_library(expectation) and not read & set(personal):
        return rule
    result = copy.copy(rule.result)
    counts = {
        name: value for name, value in (rule.result.result or {}).items() if name.endswith(("_count", "_percent"))
    }
    result.result = counts | ({"observed_value": MASK} if "observed_value" in (rule.result.result or {}) else {})
    result.exception_info = {}
    return replace(rule, result=result, failure=mask_text(rule.failure, personal))


def _is_of_library(expectation: Any) -> bool:
    return type(expectation).__module__.partition(".")[0] == "great_expectations"


def _document(results: list[ExpectationValidationResult], name: str) -> ExpectationSuiteValidationResult:
    """Return the document of a validation, as Great Expectations renders it."""
    statistics = calc_validation_statistics(results)
    return ExpectationSuiteValidationResult(
        success=statistics.success,
        results=results,
        suite_name=name,
        statistics=statistics._asdict(),
        meta={"great_expectations_version": gx.__version__, "run_id": RunIdentifier(run_name=name)},
    )


def _table_rule(expectation: Any, judged: JudgedRule) -> RuleResult:
    """Return the judgement of a table-level expectation."""
    result = judged.result
    is_known = not judged.failure and {"unexpected_count", "observed_value"} & result.result.keys()
    observed = shorten(_observed(result.result), OBSERVED_LENGTH) if is_known else ""
    unexpected = result.result.get("unexpected_count") or 0
    return RuleResult(reason_text(expectation), "table", bool(result.success), int(unexpected), observed)


def _observed(result: Mapping[str, Any]) -> str:
    """Describe what a broken table-level expectation observed."""
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result.get('element_count')} rows that break it"
    return _in_words(result.get("observed_value"))


def _in_words(observed: object) -> str:
    """Return an observed value as text; several values are separated by commas."""
    if isinstance(observed, Mapping):
        return "; ".join(f"{name}: {_in_words(value)}" for name, value in observed.items())
    if isinstance(observed, (set, frozenset)):
        observed = sorted(map(str, observed))
    return ", ".join(map(str, observed)) if isinstance(observed, (list, tuple)) else str(observed)


def reasons_of_rows(rows: int, broken: Sequence[tuple[str, Places]]) -> pa.ListArray:
    """Return for each row the reasons that name it, in their order.

    `rows` is the number of rows, `broken` each reason with the positions of the rows that it names.
    """
    named = np.concatenate([np.empty(0, np.int64), *(places for _, places in broken)])
    numbers = np.repeat(np.arange(len(broken)), [len(places) for _, places in broken])
    offsets = np.zeros(rows + 1, np.int32)
    if len(named):
        np.cumsum(np.bincount(named, minlength=rows), out=offsets[1:])
    texts = pa.array([reason for reason, _ in broken], pa.string())
    values = texts.take(pa.array(numbers[np.argsort(named, kind="stable")]))
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=pa.list_(REASON))


def broken_rows(reasons: pa.ListArray) -> int:
    """Return the number of rows that have a reason."""
    return int(np.count_nonzero(pc.list_value_length(reasons)))


def count_failures(reasons: pa.ListArray) -> dict[str, int]:
    """Return the number of rows of each reason, most frequent first."""
    counts = pc.value_counts(pc.list_flatten(reasons)).to_pylist()
    return {item["values"]: item["counts"] for item in sorted(counts, key=lambda item: -item["counts"])}
