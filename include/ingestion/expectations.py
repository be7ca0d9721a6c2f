"""Great Expectations on one day's rows: which rows break what, and whether the day may be published."""

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
# Thirty lines of its own doings per feed would bury what a task has to say.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
# With the place of every failing row, or with counts alone, which costs a fifth less and is all that a good day needs.
COMPLETE = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
COUNTS = {"result_format": "BASIC", "return_unexpected_index_query": False}
MESSAGE_LENGTH = 300


@dataclass(frozen=True)
class ExpectationResults:
    """What the expectations say of a day."""

    reasons: pa.ListArray
    """Of each row, in the order of the rows: every row-level expectation it breaks."""
    broken: tuple[str, ...]
    """Table-level expectations that the day breaks."""
    raised: tuple[str, ...]
    """Expectations that raised instead of judging: never the data's fault."""
    document: ExpectationSuiteValidationResult

    @property
    def quarantined(self) -> int:
        """Number of rows that break at least one row-level expectation."""
        return broken_rows(self.reasons)


def judge_rows(suite: Suite, rows: pa.Table, name: str, keys: Sequence[str] = ()) -> ExpectationResults:
    """Judge rows by a suite and, with `keys`, by the rules about keys; `name` becomes the title of the document."""
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
    # The suite's results come in an order of their own: each is found by its place, kept in its meta.
    results = {_place(result): result for result in document.results}
    breaks = np.zeros((len(frame), len(suite.rows)), dtype=bool)
    broken: list[str] = []
    raised: list[str] = []
    for place, expectation in enumerate(expectations):
        result = results.get(place)
        if failure := _failure(result, is_row_rule=place < len(suite.rows)):
            raised.append(f"{reason_text(expectation)}: {failure}")
        elif result is not None and place < len(suite.rows):
            breaks[result.result.get("unexpected_index_list") or [], place] = True
        elif result is not None and not result.success:
            broken.append(f"{reason_text(expectation)} (observed {_observed(result.result)})")
    reasons = [reason_text(expectation) for expectation in suite.rows]
    if keys:
        about_keys = broken_keys(rows, keys)
        reasons, breaks = [*about_keys.reasons, *reasons], np.hstack([about_keys.breaks, breaks])
    return ExpectationResults(
        reasons_of_rows(breaks, pa.array(reasons, pa.string())), tuple(broken), tuple(raised), document
    )


def _raising(frame: pd.DataFrame, expectations: Sequence[Any], name: str) -> tuple[str, ...]:
    """Name the expectations that raise outside of what Great Expectations catches, by judging each alone."""
    found = []
    for expectation in expectations:
        try:
            _validated(frame, [expectation], name, COUNTS)
        except Exception as error:
            found.append(f"{reason_text(expectation)}: {_in_one_line(error)}")
    return tuple(found)


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {last_line(str(error))}"


def _failure(result: ExpectationValidationResult | None, *, is_row_rule: bool) -> str:
    """Say why a result is no judgement: the library's error in one line, or rows that it does not name; else empty."""
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
    """Say what a broken table-level expectation saw."""
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result.get('element_count')} rows that break it"
    return str(result.get("observed_value"))


def _place(result: ExpectationValidationResult) -> int:
    configuration = result.expectation_config
    assert configuration is not None and configuration.meta is not None  # given in _validated
    return int(configuration.meta["place"])


def reasons_of_rows(breaks: npt.NDArray[np.bool_], reasons: pa.Array) -> pa.ListArray:
    """List of each row of the matrix (rows x reasons) the reasons that are true."""
    _, places = np.nonzero(breaks)
    offsets = np.concatenate([[0], np.cumsum(breaks.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), reasons.take(pa.array(places)), type=pa.list_(REASON))


def broken_rows(reasons: pa.ListArray) -> int:
    """Number of rows that have a reason."""
    return int(np.count_nonzero(pc.list_value_length(reasons)))


def count_failures(reasons: pa.ListArray) -> dict[str, int]:
    """Reason to number of rows, most frequent first."""
    found = pc.value_counts(pc.list_flatten(reasons)).to_pylist()
    return {item["values"]: item["counts"] for item in sorted(found, key=lambda item: -item["counts"])}


def _validated(
    frame: pd.DataFrame, expectations: Sequence[Any], name: str, result_format: dict[str, Any]
) -> ExpectationSuiteValidationResult:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("day").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    placed = [
        expectation.copy(update={"meta": {**(expectation.meta or {}), "place": place}})
        for place, expectation in enumerate(expectations)
    ]
    with _configured_once(), warnings.catch_warnings():
        # Only whether a pattern matches is asked: a group in it is no mistake.
        warnings.filterwarnings("ignore", "This pattern is interpreted as a regular expression", UserWarning)
        return batch.validate(ExpectationSuite(name=name, expectations=placed), result_format=result_format)


@contextmanager
def _configured_once() -> Iterator[None]:
    """Let an expectation make its configuration once. Great Expectations 1.24 makes it anew at each look, 140 times
    for every expectation of a suite: a third of the time that validating a small day takes."""
    made_anew: Any = Expectation.configuration
    made: dict[int, tuple[Any, Any]] = {}

    def configuration(self: Any) -> Any:
        # The expectation is kept beside its configuration: as long as it lives, its id is its own.
        if id(self) not in made:
            made[id(self)] = (self, made_anew.fget(self))
        return made[id(self)][1]

    setattr(Expectation, "configuration", property(configuration))  # noqa: B010
    try:
        yield
    finally:
        setattr(Expectation, "configuration", made_anew)  # noqa: B010


def _raised(info: Any) -> str:
    """Give the last line of each error in Great Expectations' flat or nested record of them."""
    if not isinstance(info, dict):
        return ""
    records = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    messages = [str(record.get("exception_message")) for record in records if record.get("raised_exception")]
    return "; ".join(dict.fromkeys(last_line(message) for message in messages))


def last_line(message: str) -> str:
    """Give the last line of a library's message that says anything, cut to `MESSAGE_LENGTH` characters."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return (lines or ["it raised without a message"])[-1][:MESSAGE_LENGTH]
