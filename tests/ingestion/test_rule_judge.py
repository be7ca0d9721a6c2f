"""Judgements of expectations, compared with those of Great Expectations' own validation."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from great_expectations.core import ExpectationSuite
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from include.declaration.rule_text import rule_text
from include.ingestion.pandas_frame import to_frame
from include.ingestion.rule_judge import MAX_POSITIONS, JudgedRule, judge_expectations
from tests.ingestion.oracle import NUMBERS, TABLES, cases

FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}


def of_a_table() -> list[Any]:
    """Expectations of the period as a whole, each broken by some table and met by another."""
    whole = [
        gxe.ExpectTableRowCountToBeBetween(min_value=4, max_value=9),
        gxe.ExpectTableRowCountToEqual(value=8),
        gxe.ExpectTableColumnCountToEqual(value=len(TABLES["tricky"].column_names)),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=TABLES["tricky"].column_names),
        gxe.ExpectTableColumnsToMatchSet(column_set=["text", "no"], exact_match=False),
        gxe.ExpectColumnToExist(column="text"),
        gxe.ExpectColumnDistinctValuesToContainSet(column="text", value_set=["a", "zz"]),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="i8_null", value_set=[1, 2, 5, -3, 127, -128]),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="bool", value_set=[True, False]),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="on", min_value=1, max_value=1),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="i64_ids", min_value=0.9),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="i32", value_set=[5]),
        gxe.ExpectColumnValuesToNotBeNull(column="f64_null", mostly=0.5),
        gxe.ExpectColumnValuesToBeBetween(column="i8_null", min_value=0, mostly=0.9),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="i32", column_B="i8_null", mostly=0.3),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["i32", "bool"], mostly=0.7),
    ]
    for column in NUMBERS:
        whole += [
            gxe.ExpectColumnMeanToBeBetween(column=column, min_value=0, max_value=10),
            gxe.ExpectColumnMedianToBeBetween(column=column, min_value=0, max_value=10),
            gxe.ExpectColumnMinToBeBetween(column=column, min_value=-5),
            gxe.ExpectColumnMaxToBeBetween(column=column, max_value=200),
            gxe.ExpectColumnSumToBeBetween(column=column, min_value=0),
            gxe.ExpectColumnStdevToBeBetween(column=column, min_value=0.5, max_value=60),
        ]
    return whole


def compared(value: Any) -> Any:
    """A result that can be compared: no value of the library's own types, and a NaN equal to a NaN."""
    if isinstance(value, dict):
        return {key: compared(item) for key, item in value.items() if key != "unexpected_index_list"}
    if isinstance(value, list | tuple):
        return [compared(item) for item in value]
    if isinstance(value, pd.Series | np.ndarray):
        return [value.dtype, *compared(value.tolist())]
    if isinstance(value, np.generic):
        value = value.item()
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def judged_by_the_library(frame: pd.DataFrame, expectations: list[Any]) -> dict[str, Any]:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("period").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    placed = [each.copy(update={"meta": {"place": str(place)}}) for place, each in enumerate(expectations)]
    document = batch.validate(ExpectationSuite(name="some", expectations=placed), result_format=FORMAT)
    return {result.expectation_config.meta["place"]: result for result in document.results}


TOGETHER = 30
"""Expectations in one suite: the library's time grows with the square of it."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This pattern is interpreted as a regular expression")
@pytest.mark.parametrize(
    "table", ["tricky", *(pytest.param(name, marks=pytest.mark.long) for name in ("empty", "nulls"))]
)
def test_each_judgement_is_that_of_the_library(table):
    everything = [*(case.expectation for case in cases()), *of_a_table()]
    frame, wrong = to_frame(TABLES[table]), {}
    for expectations in (everything[start : start + TOGETHER] for start in range(0, len(everything), TOGETHER)):
        theirs = judged_by_the_library(frame, expectations)
        for place, ours in enumerate(judge_expectations(frame, expectations)):
            if not is_same(ours, theirs[str(place)]):
                wrong[rule_text(expectations[place])] = (ours, theirs[str(place)])
    assert wrong == {}


def is_same(ours: JudgedRule, theirs: Any) -> bool:
    if raises(theirs):
        return bool(ours.failure)
    if ours.failure or ours.result.success != theirs.success:
        return False
    listed = theirs.result.get("unexpected_index_list") or []
    if "unexpected_count" in theirs.result and ours.places.tolist() != listed:
        return False
    return bool(compared(ours.result.result) == compared(_short(theirs.result, broken=len(ours.places))))


def raises(result: Any) -> bool:
    info = result.exception_info or {}
    nested = [item for item in info.values() if isinstance(item, dict)] or [info]
    return any(item.get("raised_exception") for item in nested)


def _short(result: dict[str, Any], *, broken: int) -> dict[str, Any]:
    """Leave out the lists that a judgement without broken rows does not have."""
    lists = ("partial_unexpected_counts", "partial_unexpected_index_list", "unexpected_list", "unexpected_index_list")
    return {key: value for key, value in result.items() if broken or key not in lists}


def test_a_document_lists_the_first_broken_rows_and_the_judgement_has_all():
    frame = to_frame(pa.table({"hour": [99] * 1000}))
    (rule,) = judge_expectations(frame, [gxe.ExpectColumnValuesToBeBetween(column="hour", max_value=23)])
    assert rule.places.tolist() == list(range(1000))
    assert rule.result.result["unexpected_count"] == 1000
    assert len(rule.result.result["unexpected_index_list"]) == MAX_POSITIONS


class OfNoKind(ColumnMapMetricProvider):
    """A condition that is neither true nor false."""

    condition_metric_name = "column_values.of_no_kind"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:
        return column.map(lambda value: 0 if value > 1 else 1)


class ExpectColumnValuesToBeOfNoKind(ColumnMapExpectation):
    """An expectation whose condition is a number."""

    map_metric = "column_values.of_no_kind"


class ExpectNothing(ColumnMapExpectation):
    """An expectation that asks for no metric."""

    map_metric = "column_values.nonnull"

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        needed = super().get_validation_dependencies(execution_engine, runtime_configuration)
        needed.metric_configurations = {}
        return needed


@pytest.mark.parametrize(
    ("expectation", "says"),
    [(ExpectColumnValuesToBeOfNoKind(column="id"), "int64"), (ExpectNothing(column="id"), "no rows")],
)
def test_a_row_rule_that_does_not_say_which_rows_break_it_is_no_judgement(expectation, says):
    (rule,) = judge_expectations(pd.DataFrame({"id": [1, 2]}), [expectation])
    assert says in rule.failure
    assert not rule.result.success


def test_an_expectation_that_raises_leaves_the_others_judged():
    dates = gxe.ExpectColumnValuesToBeBetween(column="text", min_value=date(2020, 1, 1))
    present = gxe.ExpectColumnValuesToNotBeNull(column="text")
    rules = judge_expectations(pd.DataFrame({"text": ["x", None]}), [dates, present])
    assert [bool(rule.failure) for rule in rules] == [True, False]
    assert rules[1].places.tolist() == [1]
