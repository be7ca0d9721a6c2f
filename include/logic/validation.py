"""Great Expectations on one day's rows: which rows break what, and whether the day may be published."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
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

from include.use_case import Suite

REASON = pa.field("element", pa.string())
# Thirty lines of its own doings per feed would bury what a task has to say.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
# With the place of every failing row, or with counts alone, which costs a fifth less and is all that a good day needs.
COMPLETE = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
COUNTS = {"result_format": "BASIC", "return_unexpected_index_query": False}


@dataclass(frozen=True)
class Judgement:
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


def judge(suite: Suite, rows: pa.Table, name: str) -> Judgement:
    """Hold the rows against the suite; `name` stands in the document's title."""
    frame = rows.to_pandas()
    expectations = [*suite.rows, *suite.table]
    document = _validated(frame, expectations, name, COUNTS)
    if any(result.result.get("unexpected_count") or not result.success for result in document.results):
        document = _validated(frame, expectations, name, COMPLETE)
    # The suite's results come in an order of their own: each is found again by its place, kept in its meta.
    results = {_place(result): result for result in document.results}
    breaks = np.zeros((len(frame), len(suite.rows)), dtype=bool)
    broken, raised = [], []
    for place, expectation in enumerate(expectations):
        result = results[place]
        if errors := _raised(result.exception_info):
            raised.append(f"{describe(expectation)}: {errors}")
        elif place < len(suite.rows):
            breaks[result.result.get("unexpected_index_list") or [], place] = True
        elif not result.success:
            broken.append(f"{describe(expectation)} (observed {result.result.get('observed_value')})")
    reasons = pa.array([describe(expectation) for expectation in suite.rows], pa.string())
    return Judgement(_listed(breaks, reasons), tuple(broken), tuple(raised), document)


def _place(result: ExpectationValidationResult) -> int:
    configuration = result.expectation_config
    assert configuration is not None and configuration.meta is not None  # given in _validated
    return int(configuration.meta["place"])


def _listed(breaks: npt.NDArray[np.bool_], reasons: pa.Array) -> pa.ListArray:
    """Of each row of the matrix (rows x reasons), the reasons that are true."""
    _, places = np.nonzero(breaks)
    offsets = np.concatenate([[0], np.cumsum(breaks.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), reasons.take(pa.array(places)), type=pa.list_(REASON))


def broken_rows(reasons: pa.ListArray) -> int:
    """Number of rows that have a reason."""
    return int(np.count_nonzero(pc.list_value_length(reasons)))


def counts(reasons: pa.ListArray) -> dict[str, int]:
    """Reason to number of rows, most frequent first."""
    found = pc.value_counts(pc.list_flatten(reasons)).to_pylist()
    return {item["values"]: item["counts"] for item in sorted(found, key=lambda item: -item["counts"])}


def describe(expectation: Any) -> str:
    """The reason a person reads: the expectation's own description, or its type and columns."""
    if expectation.description:
        return str(expectation.description)
    columns = {key: value for key, value in expectation.configuration.kwargs.items() if key.startswith("column")}
    return f"{expectation.configuration.type}({', '.join(f'{k}={v}' for k, v in columns.items())})"


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
    with _configured_once():
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
    """The messages of whatever raised, in GE's flat or nested record of it."""
    if not isinstance(info, dict):
        return ""
    records = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    return "; ".join(str(r.get("exception_message")) for r in records if r.get("raised_exception"))
