"""Run Great Expectations on one day's rows; list the rules that each row breaks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import great_expectations as gx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.core import (
    ExpectationSuite,
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation

from include.declaration.rule_text import reason_text
from include.declaration.suite import Suite
from include.ingestion.key_rules import broken_keys
from include.ingestion.pandas_frame import to_frame

REASON = pa.field("element", pa.string())
# Great Expectations' thirty lines per feed would hide the task's own log lines.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
# Positions of all failing rows, or only counts, which take a fifth less time and suffice for a day without failures.
COMPLETE = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
COUNTS = {"result_format": "BASIC", "return_unexpected_index_query": False}
MESSAGE_LENGTH = 300


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

    @property
    def quarantined(self) -> int:
        """Return the number of rows that break at least one row-level expectation."""
        return broken_rows(self.reasons)


def judge_rows(suite: Suite, rows: pa.Table, name: str, keys: Sequence[str] = ()) -> ExpectationResults:
    """Judge rows by a suite and, with `keys`, by the rules about keys.

    `name` becomes the title of the document.
    """
    frame = to_frame(rows)
    expectations = [*suite.rows, *suite.table]
    try:
        document = _validated(frame, expectations, name, COUNTS)
        if any(result.result.get("unexpected_count") or not result.success for result in document.results):
            document = _validated(frame, expectations, name, COMPLETE)
    except Exception as error:
        failures = _raising(frame, expectations, name) or (_in_one_line(error),)
        nothing = ExpectationSuiteValidationResult(success=False, results=[], suite_name=name)
        return ExpectationResults(pa.array([[]] * rows.num_rows, pa.list_(REASON)), (), failures, nothing)
    # Great Expectations reorders the results: each is found by its position, stored in its meta.
    results = {_place(result): result for result in document.results}
    breaks = np.zeros((len(frame), len(suite.rows)), dtype=bool)
    broken: list[BrokenRule] = []
    raised: list[str] = []
    for place, expectation in enumerate(expectations):
        result = results.get(place)
        if failure := _failure(result, is_row_rule=place < len(suite.rows)):
            raised.append(f"{reason_text(expectation)}: {failure}")
        elif result is not None and place < len(suite.rows):
            breaks[result.result.get("unexpected_index_list") or [], place] = True
        elif result is not None and not result.success:
            broken.append(BrokenRule(reason_text(expectation), _observed(result.result)))
    reasons = [reason_text(expectation) for expectation in suite.rows]
    if keys:
        about_keys = broken_keys(rows, keys)
        reasons, breaks = [*about_keys.reasons, *reasons], np.hstack([about_keys.breaks, breaks])
    return ExpectationResults(
        reasons_of_rows(breaks, pa.array(reasons, pa.string())), tuple(broken), tuple(raised), document
    )


def _raising(frame: pd.DataFrame, expectations: Sequence[Any], name: str) -> tuple[str, ...]:
    """Return the expectations whose error Great Expectations does not catch.

    Each expectation is run alone.
    """
    failures = []
    for expectation in expectations:
        try:
            _validated(frame, [expectation], name, COUNTS)
        except Exception as error:
            failures.append(f"{reason_text(expectation)}: {_in_one_line(error)}")
    return tuple(failures)


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {last_line(str(error))}"


def _failure(result: ExpectationValidationResult | None, *, is_row_rule: bool) -> str:
    """Describe why a result is unusable; empty if it is usable.

    Either the library raised an error, or it does not name the rows that it counts.
    """
    if result is None:
        return "Great Expectations gave no result"
    if errors := _raised(result.exception_info):
        return errors
    if not is_row_rule:
        return ""
    count, places = result.result.get("unexpected_count"), result.result.get("unexpected_index_list")
    if count is None or (count > 0 and len(places or []) != count):
        return f"Great Expectations counts {count} rows that break it and names {len(places or [])}"
    return ""


def _observed(result: Mapping[str, Any]) -> str:
    """Describe what a broken table-level expectation observed."""
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result.get('element_count')} rows that break it"
    return str(result.get("observed_value"))


def _place(result: ExpectationValidationResult) -> int:
    configuration = result.expectation_config
    assert configuration is not None and configuration.meta is not None  # given in _validated
    return int(configuration.meta["place"])


def reasons_of_rows(breaks: npt.NDArray[np.bool_], reasons: pa.Array) -> pa.ListArray:
    """Return for each row of the matrix (rows x reasons) the reasons that are true."""
    _, places = np.nonzero(breaks)
    offsets = np.concatenate([[0], np.cumsum(breaks.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), reasons.take(pa.array(places)), type=pa.list_(REASON))


def broken_rows(reasons: pa.ListArray) -> int:
    """Return the number of rows that have a reason."""
    return int(np.count_nonzero(pc.list_value_length(reasons)))


def count_failures(reasons: pa.ListArray) -> dict[str, int]:
    """Return the number of rows of each reason, most frequent first."""
    counts = pc.value_counts(pc.list_flatten(reasons)).to_pylist()
    return {item["values"]: item["counts"] for item in sorted(counts, key=lambda item: -item["counts"])}


def _validated(
    frame: pd.DataFrame, expectations: Sequence[Any], name: str, result_format: dict[str, Any]
) -> ExpectationSuiteValidationResult:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("period").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    placed = [
        expectation.copy(update={"meta": {**(expectation.meta or {}), "place": place}})
        for place, expectation in enumerate(expectations)
    ]
    with _configured_once(), warnings.catch_warnings():
        # pandas warns about groups in a pattern; here only the match counts.
        warnings.filterwarnings("ignore", "This pattern is interpreted as a regular expression", UserWarning)
        return batch.validate(ExpectationSuite(name=name, expectations=placed), result_format=result_format)


@contextmanager
def _configured_once() -> Iterator[None]:
    """Cache the configuration of each expectation.

    Great Expectations 1.24 builds it at each access, 140 times per expectation of a suite: a third of the time of
    validating a small day.
    """
    expectation: Any = Expectation
    uncached: Any = expectation.configuration
    cached: dict[int, tuple[Any, Any]] = {}

    def configuration(self: Any) -> Any:
        # Keep the expectation too: while it is referenced, no other object gets its id.
        if id(self) not in cached:
            cached[id(self)] = (self, uncached.fget(self))
        return cached[id(self)][1]

    expectation.configuration = property(configuration)
    try:
        yield
    finally:
        expectation.configuration = uncached


def _raised(info: Any) -> str:
    """Return the last line of each error in Great Expectations' record of errors.

    The record is flat or nested.
    """
    if not isinstance(info, dict):
        return ""
    records = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    messages = [str(record.get("exception_message")) for record in records if record.get("raised_exception")]
    return "; ".join(dict.fromkeys(last_line(message) for message in messages))


def last_line(message: str) -> str:
    """Return the last non-empty line of a library's message.

    It is cut to `MESSAGE_LENGTH` characters.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return (lines or ["it raised without a message"])[-1][:MESSAGE_LENGTH]
