"""Forms accept no value beyond their limits, and their functions answer any value without a crash.

The command line, REST and backfills reach the functions without the form.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from include import settings
from include.declaration.form_limits import LIST_LENGTH, NAME_LENGTH, REASON_LENGTH, WINDOW_PERIODS
from include.declaration.lightgbm_rules import ROUNDS, TUNABLE
from include.declaration.period import EARLIEST, LATEST, Period
from include.errors import AirworthyError, InvalidRequestError, NotReadyError
from include.ingestion import ingest, quarantine, resubmit, uploads, validate
from include.lake import lake_format, schemas
from include.maintenance import rebuild
from include.monitoring import monitor
from include.orchestration import approval_operator
from include.project import open_project
from include.promotion import approve, promote, rollback
from include.reproduction import lineage, reproduce
from include.retraining import decide
from include.scoring import score
from include.settings import REPOSITORY
from include.training import train, tune
from tests.security.fuzzing import NUMBERS, examples, files_below
from tests.toy_use_case import USE_CASE

pytestmark = [pytest.mark.security, pytest.mark.slow]
LONGEST_MESSAGE = 10_000
CREATED = "_delta_log/00000000000000000000.json"
"""Of a table without a row: reading makes tables that are not there yet."""
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["", " ", "1", "01", "-1", "None", "latest", "champion", "events", "outcomes", "a.csv", "b.parquet"]
    ),
    st.sampled_from(
        ["../x.csv", "..", "/etc/passwd", "a/../b.csv", "x\0.csv", "~", "file:///etc/passwd", "s3://a/b.csv"]
    ),
    st.sampled_from(["' or 1=1 --", '"; drop table events; --', "%s%n", "{0.__class__}", "${x}", "{{ ds }}", "=cmd()"]),
    st.sampled_from(["\x1b[2J", "a\nb", "\r", "\u202e", "\u2028", "\x7f", "\ufeff", "\U0001f6e9", "e\u0301"]),
    st.sampled_from([NAME_LENGTH, NAME_LENGTH + 1, REASON_LENGTH, REASON_LENGTH + 1, 300_000]).map("x".__mul__),
)
DAYS = st.one_of(
    st.dates().map(Period.from_date),
    st.sampled_from([EARLIEST, LATEST, USE_CASE.first_period, USE_CASE.first_period + 9]),
    st.integers(-2, 2).map(lambda periods: USE_CASE.today() + periods),
)
INTEGERS = st.one_of(
    st.integers(), st.sampled_from([*NUMBERS, 10**400, -(10**400), WINDOW_PERIODS, WINDOW_PERIODS + 1])
)
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(), TEXTS)
PARAMETERS = st.one_of(
    st.none(),
    st.dictionaries(st.one_of(st.sampled_from([*TUNABLE, *ROUNDS]), TEXTS), SCALARS, max_size=5),
    st.just({f"p{number}": 1 for number in range(200)}),
)
ODD_DAYS = ["2020-02-29", "2019-02-29", "0000-01-01", "9999-12-31", "2020-W01-1", "20200101", "2020-01-01\n"]
FEEDS = st.one_of(st.sampled_from(["events", "outcomes"]), TEXTS)
LISTS = st.one_of(st.none(), st.lists(TEXTS, max_size=4), st.just(["x"] * (LIST_LENGTH + 1)))


def requests() -> st.SearchStrategy[resubmit.ResubmissionRequest]:
    """Return what the form of the quarantine may ask for."""
    periods, files = st.one_of(st.none(), DAYS), st.one_of(st.none(), TEXTS)
    what = st.one_of(st.sampled_from(["release", "correct"]), TEXTS)
    return st.builds(
        resubmit.ResubmissionRequest, FEEDS, what, periods, LISTS, LISTS, files, periods, TEXTS, st.just("ann")
    )


Asked = dict[str, st.SearchStrategy[Any]]
FUNCTIONS: dict[str, tuple[Callable[..., Any], Asked]] = {
    "a period": (Period, {"key": TEXTS}),
    "rollback": (
        lambda version, period, reason: rollback.roll_back(
            open_project(USE_CASE), version, period, actor="ann", reason=reason
        ),
        {"version": TEXTS, "period": DAYS, "reason": TEXTS},
    ),
    "approve": (
        lambda version, approved, reason: approve.record_approval(
            open_project(USE_CASE), version, approved=approved, actor="ann", reason=reason
        ),
        {"version": TEXTS, "approved": st.booleans(), "reason": TEXTS},
    ),
    "promote": (
        lambda version, reason: promote.promote_version(open_project(USE_CASE), version, actor="ann", reason=reason),
        {"version": TEXTS, "reason": TEXTS},
    ),
    "score": (
        lambda period, version, rescore, allow_future_model: score.score_period(
            open_project(USE_CASE), period, version=version, rescore=rescore, allow_future_model=allow_future_model
        ),
        {
            "period": DAYS,
            "version": st.one_of(st.none(), TEXTS),
            "rescore": st.booleans(),
            "allow_future_model": st.booleans(),
        },
    ),
    "train": (
        lambda period, periods, parameters, reason: train.train_model(
            open_project(USE_CASE), period, window_periods=periods, parameters=parameters, reason=reason
        ),
        {"period": DAYS, "periods": st.one_of(st.none(), INTEGERS), "parameters": PARAMETERS, "reason": TEXTS},
    ),
    "tune": (
        lambda period, trials, minutes, periods, parameters: tune.tune_parameters(
            open_project(USE_CASE),
            period,
            trials=trials,
            minutes=minutes,
            window_periods=periods,
            parameters=parameters,
        ),
        {
            "period": DAYS,
            "trials": st.one_of(st.just(1), INTEGERS),
            "minutes": st.one_of(st.just(1.0), st.floats(), INTEGERS),
            "periods": st.one_of(st.none(), INTEGERS),
            "parameters": PARAMETERS,
        },
    ),
    "reproduce": (lambda version: reproduce.reproduce_version(open_project(USE_CASE), version), {"version": TEXTS}),
    "a file of the inbox": (lambda name: uploads.read_upload(open_project(USE_CASE), name), {"name": TEXTS}),
    "quarantine": (
        lambda feed, period: quarantine.read_quarantine(open_project(USE_CASE), feed, period),
        {"feed": FEEDS, "period": st.one_of(st.none(), DAYS)},
    ),
    "send back": (lambda asked: resubmit.resubmit_rows(open_project(USE_CASE), asked), {"asked": requests()}),
    "correct": (
        lambda feed, name, content, reason, known_on: resubmit.resubmit_corrected(
            open_project(USE_CASE), feed, name, content, actor="ann", comment=reason, known_on=known_on
        ),
        {
            "feed": FEEDS,
            "name": st.sampled_from(["a.txt", "", "\x1b[2J", "../a"]),  # others: test_fuzzed_corrections.py
            "content": st.binary(max_size=10),
            "reason": TEXTS,
            "known_on": st.one_of(st.none(), DAYS),
        },
    ),
    "decide": (lambda period: decide.decide_retraining(open_project(USE_CASE), period), {"period": DAYS}),
    "monitor": (lambda period: monitor.monitor_period(open_project(USE_CASE), period), {"period": DAYS}),
    "ingest": (
        lambda period, changed: ingest.ingest_period(open_project(USE_CASE), period, take_changed=changed),
        {"period": DAYS, "changed": st.booleans()},
    ),
    "validate": (lambda period: validate.validate_period(open_project(USE_CASE), period), {"period": DAYS}),
    "lineage": (
        lambda period, keys: lineage.trace_lineage(open_project(USE_CASE), period, keys),
        {
            "period": DAYS,
            "keys": st.one_of(
                st.dictionaries(st.one_of(st.sampled_from(USE_CASE.keys), TEXTS), TEXTS, max_size=3),
                st.fixed_dictionaries(
                    {"event_date": st.one_of(TEXTS, DAYS.map(str), st.sampled_from(ODD_DAYS)), "id": INTEGERS.map(hex)}
                ),
            ),
        },
    ),
    "rebuild": (
        lambda table, period, apply: rebuild.rebuild_table(open_project(USE_CASE), table, period, apply=apply),
        {
            "table": st.one_of(st.sampled_from(list(schemas.table_names(USE_CASE))), TEXTS),
            "period": DAYS,
            "apply": st.booleans(),
        },
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_answers_anything_in_words_and_a_refusal_writes_nothing(name, tracking):
    function, asked = FUNCTIONS[name]
    lake = Path(settings.current_settings().lake)

    @examples(12)
    @given(st.fixed_dictionaries(asked))
    def fuzz(values):
        said, was_refused = "", False
        try:
            function(**values)
        except AirworthyError as error:
            said, was_refused = str(error), isinstance(error, InvalidRequestError | NotReadyError)
        files = files_below(lake)
        written = [path for path in files if not path.endswith(CREATED)]
        if len(written) < len(files):  # with the first table a lake gets its format number, and nothing else
            written = [path for path in written if path != f"{USE_CASE.name}/{lake_format.NAME}"]
        shutil.rmtree(lake, ignore_errors=True)  # the next one finds it empty, too
        assert len(said) < LONGEST_MESSAGE
        assert not (was_refused and written)

    fuzz()


@pytest.fixture(scope="module")
def params() -> dict[str, Param]:
    """Each field of each DAG's form, and of the question to a person."""
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="test")
    found = {f"{name}.{field}": dag.params.get_param(field) for name, dag in bag.dags.items() for field in dag.params}
    return found | {f"approve.{name}": param for name, param in approval_operator._fields("version 1").items()}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=10,
)


def near(schema: dict[str, Any]) -> Iterator[Any]:
    """Return values at the limits of a schema, and just beyond them."""
    yield from schema.get("enum", [])
    for limit in ("minLength", "maxLength"):
        if limit in schema:
            yield from ("x" * max(schema[limit] + more, 0) for more in (-1, 0, 1))
    for limit in ("minimum", "maximum", "exclusiveMinimum"):
        if limit in schema:
            yield from (schema[limit] + more for more in (-1, -0.5, 0, 0.5, 1))
    if "maxItems" in schema:
        yield from ([item] * (schema["maxItems"] + more) for item in near(schema["items"]) for more in (-1, 0, 1))
    if "maxProperties" in schema:
        most = schema["maxProperties"]
        yield from ({f"p{number}": 1 for number in range(most + more)} for more in (-1, 0, 1))
        yield from (
            {name: value} for name in near(schema["propertyNames"]) for value in near(schema["additionalProperties"])
        )
    if schema.get("format") == "date":
        yield from ODD_DAYS


def beyond(value: Any, schema: dict[str, Any]) -> list[str]:
    """Name the limits of a schema that a value does not keep."""
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        found = ["maximum"] if "maximum" in schema and value > schema["maximum"] else []
        found += ["minimum"] if value < schema.get("minimum", schema.get("exclusiveMinimum", value)) else []
        return found
    if isinstance(value, str):
        return ["maxLength"] if "enum" not in schema and len(value) > schema["maxLength"] else []
    if isinstance(value, list):
        inner = [each for item in value for each in beyond(item, schema["items"])]
        return inner + (["maxItems"] if len(value) > schema["maxItems"] else [])
    inner = [each for name in value for each in beyond(name, schema["propertyNames"])]
    inner += [each for item in value.values() for each in beyond(item, schema["additionalProperties"])]
    return inner + (["maxProperties"] if len(value) > schema["maxProperties"] else [])


def test_no_field_of_a_form_takes_a_value_beyond_its_limits(params):
    of_a_kind = {repr(sorted(param.schema.items(), key=str)): (place, param) for place, param in params.items()}
    assert len(of_a_kind) > 10
    taken = set[bool]()

    @examples(8)
    @given(st.data())
    def fuzz(data):
        for place, param in of_a_kind.values():
            limits = list(near(param.schema))
            value = data.draw(st.one_of(JSON, *([st.sampled_from(limits)] if limits else [])), label=place)
            try:
                resolved = param.resolve(value)
            except ParamValidationError:
                taken.add(False)
                continue
            taken.add(True)
            assert beyond(resolved, param.schema) == []

    fuzz()
    assert taken == {True, False}


FOUND: dict[str, Callable[[], Any]] = {
    "a day": lambda: Period("x" * 300_000),
    "a feed": lambda: quarantine.read_quarantine(open_project(USE_CASE), "x" * 300_000),
    "reasons": lambda: resubmit.resubmit_released(
        open_project(USE_CASE), "events", ["x" * 1_900] * 1_001, actor="ann", comment="reason"
    ),
    "a file": lambda: resubmit.resubmit_corrected(
        open_project(USE_CASE), "events", "x" * 300_000, b"", actor="ann", comment="reason"
    ),
    "a table": lambda: rebuild.rebuild_table(open_project(USE_CASE), "x" * 300_000, USE_CASE.first_period),
    "a key": lambda: lineage.trace_lineage(
        open_project(USE_CASE), USE_CASE.first_period, {"event_date": "x" * 300_000, "id": "1"}
    ),
    "names of keys": lambda: lineage.trace_lineage(open_project(USE_CASE), USE_CASE.first_period, {"x" * 300_000: "1"}),
    "the year 0": lambda: lineage.trace_lineage(
        open_project(USE_CASE), USE_CASE.first_period, {"event_date": "0000-01-01", "id": "1"}
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzers_have_found_is_refused_in_few_words(name, lake_home):
    with pytest.raises(InvalidRequestError) as refused:
        FOUND[name]()
    assert len(str(refused.value)) < 1_000
