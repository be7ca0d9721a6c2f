"""Airflow tasks and the parts that every DAG shares. Tasks translate; they do not think.

Heavy libraries are imported inside the tasks: this module is read whenever a DAG file is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, CronPartitionTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from include import dag_text, settings
from include.errors import AirworthyError, BadRequest
from include.use_case import UseCase
from include.use_cases import load

RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=30),
}
"""For what reads or writes elsewhere. Bad data and bad requests are never tried again: see `told`."""
INPUT_OUTPUT: dict[str, Any] = RETRIED | {"multiple_outputs": False}
"""For tasks: what they return is one value to Airflow, or each of its keys would be a request of its own."""

WAITING: dict[str, Any] = RETRIED | {"execution_timeout": timedelta(hours=7)}
"""For sensors: longer than the longest wait, which ends with a message of its own."""

DAY = Param(
    None,
    type=["null", "string"],
    format="date",
    title="Day",
    description="The day to run for. Needed by hand; leave it empty in a backfill, whose runs have their day.",
)


def dag(use_case: UseCase, kind: str, **arguments: Any) -> DAG:
    """The daily DAG `<use case>__<kind>`: one run per day, whose partition key is the day at whose start it stands.

    Unpaused, it runs for the newest day at once: that is what `catchup=False` means to a schedule with a start date.
    """
    start = datetime.combine(use_case.first_day, datetime.min.time(), ZoneInfo(use_case.time_zone))
    return _dag(use_case, kind, start_date=start, schedule=_midnights("0 0 * * *", use_case), **arguments)


def weekly_dag(use_case: UseCase, kind: str, **arguments: Any) -> DAG:
    """The same on Mondays; unpaused, it waits for the next one. Only what came due within the last hour is made up:
    until a backfill, after which Airflow counts on from the backfilled days and makes the newest Monday's run."""
    schedule = _midnights("0 0 * * 1", use_case, run_immediately=timedelta(hours=1))
    return _dag(use_case, kind, schedule=schedule, **arguments)


def _midnights(cron: str, use_case: UseCase, **arguments: Any) -> CronPartitionTimetable:
    return CronPartitionTimetable(cron, timezone=use_case.time_zone, run_offset=0, key_format="%Y-%m-%d", **arguments)


def _dag(use_case: UseCase, kind: str, **arguments: Any) -> DAG:
    return DAG(
        f"{use_case.name}__{kind}",
        catchup=False,
        default_args={"owner": use_case.owner},
        description=dag_text.DESCRIPTIONS[kind],
        doc_md=dag_text.doc_md(use_case, kind),
        tags=[use_case.name, kind, *(["replay"] if use_case.notice else [])],
        params={"day": DAY, **arguments.pop("params", {})},
        **arguments,
    )


def asset(use_case: UseCase, what: str) -> Asset:
    """The asset that a stage reads or writes, as the asset graph shows it."""
    return Asset(name=f"{use_case.name}/{what}", uri=f"airworthy://{use_case.name}/{what}", group=use_case.name)


def day_of(context: Mapping[str, Any]) -> date:
    """The day of the run: its partition key, or the form's `day`; BadRequest for neither, both or no date."""
    key, chosen = context["dag_run"].partition_key, context["params"].get("day")
    if key and chosen and key != chosen:
        raise BadRequest(f"The run has the partition key {key!r} and the day {chosen!r}: give one of them.")
    if not (key or chosen):
        raise BadRequest(
            "This run does not say which day it is for. Trigger it with the form's field `day`"
            ' (for example {"day": "2013-01-05"}), or give the run a partition key.'
        )
    try:
        return date.fromisoformat(key or chosen)
    except ValueError:
        raise BadRequest(f"{key or chosen!r} is no day; write it as YYYY-MM-DD, such as 2013-01-05.") from None


@contextmanager
def told() -> Iterator[None]:
    """Fail at once, without retries, on what trying again cannot mend."""
    try:
        yield
    except AirworthyError as error:
        if error.worth_retrying:
            raise
        raise AirflowFailException(str(error)) from error


def _note(use_case: UseCase, what: str, **extra: Any) -> None:
    """Put figures and links on the asset's event, where the asset page shows them."""
    get_current_context()["outlet_events"][asset(use_case, what)].extra.update(extra)


@task(**INPUT_OUTPUT)
def ingest(use_case: str) -> dict[str, int]:
    """Land what became known of every feed; rows landed by feed."""
    from include.stages import ingest

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        landed = {feed: commit.partition.rows for feed, commit in ingest.run(declared, day).items()}
    _note(declared, "raw", day=day.isoformat(), rows=landed)
    return landed


@task(**INPUT_OUTPUT)
def validate(use_case: str) -> dict[str, dict[str, int]]:
    """Judge every feed; rows landed, published and quarantined by feed."""
    from include.stages import validate

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        found = {
            feed: {"landed": done.landed, "published": done.published, "quarantined": done.quarantined}
            for feed, done in validate.run(declared, day).items()
        }
    _note(
        declared,
        "checked",
        day=day.isoformat(),
        rows=found,
        data_docs=str(settings.current().data_docs / use_case / "index.html"),
    )
    return found


@task(**INPUT_OUTPUT)
def build_features(use_case: str) -> dict[str, object]:
    """Write the labels that became known, then the features of the day; rows and Delta version."""
    from include.stages import build_features

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        commit = build_features.run(declared, day)
    written = {"day": day.isoformat(), "rows": commit.partition.rows, "version": commit.version}
    _note(declared, "features", **written)
    return written | {"changed": commit.changed}


@task(**INPUT_OUTPUT)
def prepare(use_case: str) -> dict[str, object]:
    """Build the features of the training window that nobody has built yet, outside the training pool."""
    from include.stages import build_features

    with told():
        declared, context = load(use_case), get_current_context()
        first, last, built = build_features.ensure_window(
            declared, day_of(context), context["params"].get("window_days")
        )
    return {"first": first.isoformat(), "last": last.isoformat(), "built": built}


@task(**{**INPUT_OUTPUT, "execution_timeout": timedelta(hours=6)}, pool=settings.TRAINING_POOL)
def train(use_case: str) -> str:
    """Train as of the run's day; the MLflow run that holds the model."""
    from include.stages import train

    with told():
        declared, context = load(use_case), get_current_context()
        params = context["params"]
        result = train.run(
            declared,
            day_of(context),
            window_days=params.get("window_days"),
            parameters=params.get("parameters"),
            reason=params.get("reason") or f"Airflow run {context['run_id']}",
        )
    return result.run_id


@task(**{**INPUT_OUTPUT, "multiple_outputs": True})
def evaluate(use_case: str, mlflow_run: str) -> dict[str, object]:
    """Judge the model's test days by the gates; every verdict with its value, limit and reason."""
    from include.stages import evaluate

    with told():
        return asdict(evaluate.run(load(use_case), mlflow_run))


@task(**INPUT_OUTPUT)
def register(use_case: str, mlflow_run: str) -> str:
    """Make the model a version of the registered model, whether it passed its gates or not."""
    from include.stages import register

    with told():
        return register.run(load(use_case), mlflow_run).version


@task(**INPUT_OUTPUT)
def promote(use_case: str, version: str) -> dict[str, object]:
    """Make the version the champion from the day it was trained as of, if it passed; otherwise say why not."""
    from include.stages import promote

    with told():
        declared, context = load(use_case), get_current_context()
        promotion = promote.run(declared, version, who=f"airflow:{context['run_id']}")
    page = f"{settings.current().mlflow}/#/models/{use_case}/versions/{version}"
    _note(declared, "model", version=version, promoted=promotion.promoted, why=promotion.reason, mlflow=page)
    return asdict(promotion)


@task(**INPUT_OUTPUT)
def score(use_case: str) -> dict[str, object]:
    """Score the run's day with its champion; version, rows and warnings."""
    from include.stages import score

    with told():
        declared, context = load(use_case), get_current_context()
        params, day = context["params"], day_of(context)
        asked = {"rescore": params.get("rescore", False), "insist": params.get("insist", False)}
        result = score.run(declared, day, version=params.get("version"), **asked)
    _note(declared, "predictions", day=day.isoformat(), version=result.version, rows=result.rows)
    return asdict(result)


@task(**INPUT_OUTPUT)
def measure(use_case: str) -> dict[str, str]:
    """Measure what can be measured now: the day whose labels matured today, and today's own in a backfill."""
    from include.stages import measure

    with told():
        declared = load(use_case)
        day = day_of(get_current_context())
        days = (day - timedelta(days=declared.label.matures_after_days), day)
        return {each.isoformat(): measure.run(declared, each).reason for each in days}
