"""Judge expectations with Great Expectations, evaluating each condition once.

Its own `validate` evaluates the rows twice where one is broken, lists every broken row as Python objects, and copies
each expectation many times: most of the time of a small period. Here Great Expectations' pandas engine computes the
conditions and the statistics, each once, and its expectations judge them.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import great_expectations.util
import numpy as np
import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import Expectation
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.metrics_calculator import MetricsCalculator
from great_expectations.validator.validation_graph import MetricEdge, ValidationGraph

from include.declaration.suite import is_row_level
from include.ingestion.key_rules import Places

COUNTS = {"result_format": {"result_format": "BASIC", "return_unexpected_index_query": False}}
COMPLETE = {"result_format": {"result_format": "COMPLETE", "return_unexpected_index_query": False}}
"""The result of a rule that rows break: examples of the values, and the first positions."""
MAX_POSITIONS = 200
"""Broken rows whose position a result lists, as many as the values that Great Expectations lists."""
MESSAGE_LENGTH = 300


@dataclass(frozen=True)
class JudgedRule:
    """Great Expectations' judgement of one expectation."""

    result: ExpectationValidationResult
    places: Places
    """Positions of the rows that break it."""
    failure: str = ""
    """Why there is no judgement: an error of the expectation, never of the data."""


@dataclass(frozen=True)
class _Plan:
    """An expectation, the metrics that it needs, and those that they depend on."""

    expectation: Any
    metrics: Mapping[str, MetricConfiguration]
    edges: tuple[MetricEdge, ...] = ()
    failure: str = ""

    @cached_property
    def ids(self) -> set[Any]:
        return {metric.id for edge in self.edges for metric in (edge.left, edge.right) if metric is not None}


_plans: OrderedDict[int, _Plan] = OrderedDict()
"""Plans of the last judged expectations by `id`: a suite that judges period after period is planned once."""
MAX_PLANS = 2000


def judge_expectations(frame: pd.DataFrame, expectations: Sequence[Any]) -> list[JudgedRule]:
    """Judge a frame by each expectation; return the judgements in the same order."""
    engine = PandasExecutionEngine()
    engine.load_batch_data("period", frame)
    calculator = MetricsCalculator(execution_engine=engine, show_progress_bars=False)
    with _configured_once(), _no_search_for_decimals(), warnings.catch_warnings():
        # pandas warns about groups in a pattern; here only the match counts.
        warnings.filterwarnings("ignore", "This pattern is interpreted as a regular expression", UserWarning)
        plans = [_plan(calculator, engine, expectation) for expectation in expectations]
        whole = ValidationGraph(execution_engine=engine, edges=_distinct(plans))
        values, aborted = calculator.resolve_validation_graph(whole, dict(COUNTS), min_graph_edges_pbar_enable=0)
        errors = {metric: str(info["exception_info"]["exception_message"]) for metric, info in aborted.items()}
        return [_judge(calculator, engine, plan, dict(values), errors) for plan in plans]


def _distinct(plans: Sequence[_Plan]) -> list[MetricEdge]:
    return [*{edge.id: edge for plan in plans for edge in plan.edges}.values()]


def _plan(calculator: MetricsCalculator, engine: PandasExecutionEngine, expectation: Any) -> _Plan:
    """Return the plan of an expectation, the kept one if there is one."""
    if kept := _plans.get(id(expectation)):
        return kept
    plan = _new_plan(calculator, engine, expectation)
    if not plan.failure:
        _plans[id(expectation)] = plan  # it keeps its expectation, so that no other object gets its id
        if len(_plans) > MAX_PLANS:
            _plans.popitem(last=False)
    return plan


def _new_plan(calculator: MetricsCalculator, engine: PandasExecutionEngine, expectation: Any) -> _Plan:
    try:
        needed = expectation.get_validation_dependencies(engine, dict(COUNTS)).metric_configurations
        counted = [metric for name, metric in needed.items() if not name.endswith(".unexpected_values")]
        graph = calculator.build_metric_dependency_graph(counted, dict(COUNTS))
    except Exception as error:
        return _Plan(expectation, {}, failure=in_one_line(error))
    return _Plan(expectation, needed, tuple(graph.edges))


def _judge(
    calculator: MetricsCalculator,
    engine: PandasExecutionEngine,
    plan: _Plan,
    values: dict[Any, Any],
    errors: Mapping[Any, str],
) -> JudgedRule:
    messages = [last_line(errors[metric]) for metric in sorted(plan.ids & errors.keys())]
    if failure := plan.failure or "; ".join(dict.fromkeys(messages)):
        return _failed(plan.expectation, failure)
    try:
        places, failure = _broken_places(plan, values) if is_row_level(plan.expectation) else (_NOWHERE, "")
        if failure:
            return _failed(plan.expectation, failure)
        if len(places):
            _add_lists(calculator, engine, plan.expectation, values, places)
        else:
            values |= {metric.id: [] for metric in plan.metrics.values() if metric.id not in values}
        wanted = COMPLETE if len(places) else COUNTS
        return JudgedRule(plan.expectation.metrics_validate(values, dict(wanted), engine), places)
    except Exception as error:
        return _failed(plan.expectation, in_one_line(error))


_NOWHERE: Places = np.empty(0, np.int64)


def _broken_places(plan: _Plan, values: Mapping[Any, Any]) -> tuple[Places, str]:
    """Return the positions of the rows that break the rule.

    If they are unknown, the text says why.
    """
    counted = plan.metrics.get(f"{plan.expectation.map_metric}.unexpected_count")
    condition = counted.metric_dependencies.get("unexpected_condition") if counted else None
    if counted is None or condition is None:
        return _NOWHERE, "Great Expectations gives no rows that break it"
    broken, count = values[condition.id][0], values[counted.id]
    if len(broken) and not pd.api.types.is_bool_dtype(broken.dtype):
        return _NOWHERE, f"its condition is of type {broken.dtype} instead of true or false for each row"
    places = broken.index.take(np.flatnonzero(broken.to_numpy(dtype=bool))).to_numpy()
    if len(places) != count:
        return _NOWHERE, f"Great Expectations counts {count} rows that break it and names {len(places)}"
    return places, ""


def _add_lists(
    calculator: MetricsCalculator,
    engine: PandasExecutionEngine,
    expectation: Any,
    values: dict[Any, Any],
    places: Places,
) -> None:
    """Add the metrics that list broken values and positions."""
    needed = expectation.get_validation_dependencies(engine, dict(COMPLETE)).metric_configurations
    for name, metric in needed.items():
        if metric.id in values:
            continue
        if name.endswith(".unexpected_index_list"):
            values[metric.id] = places[:MAX_POSITIONS].tolist()
        elif name.endswith(".unexpected_index_query"):
            values[metric.id] = None
        else:
            calculator.build_metric_dependency_graph([metric], dict(COMPLETE))
            values |= engine.resolve_metrics([metric], values, dict(COMPLETE))


def _failed(expectation: Any, failure: str) -> JudgedRule:
    result = ExpectationValidationResult(success=False, expectation_config=expectation.configuration)
    return JudgedRule(result, _NOWHERE, failure)


@contextmanager
def _configured_once() -> Iterator[None]:
    """Cache the configuration of each expectation.

    Great Expectations 1.24 builds it at each access, many times for each expectation.
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


@contextmanager
def _no_search_for_decimals() -> Iterator[None]:
    """Search only Python objects for decimals.

    Great Expectations would search every number, row by row in Python.
    """
    library: Any = great_expectations.util
    search = library.does_ndarray_contain_decimal_dtype
    library.does_ndarray_contain_decimal_dtype = lambda data: data.dtype == object and search(data)
    try:
        yield
    finally:
        library.does_ndarray_contain_decimal_dtype = search


def in_one_line(error: Exception) -> str:
    """Return the type and the last line of an error."""
    return f"{type(error).__name__}: {last_line(str(error))}"


def last_line(message: str) -> str:
    """Return the last non-empty line of a library's message.

    It is cut to `MESSAGE_LENGTH` characters.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return (lines or ["it raised without a message"])[-1][:MESSAGE_LENGTH]
