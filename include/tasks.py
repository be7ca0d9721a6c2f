"""Airflow tasks and the parts that every DAG shares. Tasks translate; they do not think.

Heavy libraries are imported inside the tasks: this module is read whenever a DAG file is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, CronPartitionTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from include import dag_text, settings
from include.errors import BadData, BadRequest, NotReady
from include.use_case import UseCase
from include.use_cases import load

INPUT_OUTPUT: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=30),
}
"""For tasks that read or write elsewhere. Bad data and bad requests are never tried again: see `told`."""
TRAINING_POOL = "training"
"""One slot: trainings wait for each other instead of for memory."""
DAILY, MONDAYS = "0 0 * * *", "0 0 * * 1"

DAY = Param(
    None,
    type=["null", "string"],
    format="date",
    title="Day",
    description="The day to run for (YYYY-MM-DD). Leave it empty where the run has a partition key.",
)


def dag(use_case: UseCase, kind: str, cron: str = DAILY, **arguments: Any) -> DAG:
    """The DAG `<use case>__<kind>`: one run per day, whose partition key is the day at whose start it stands."""
    params = {"day": DAY, **arguments.pop("params", {})}
    return DAG(
        f"{use_case.name}__{kind}",
        schedule=CronPartitionTimetable(cron, timezone=use_case.time_zone, run_offset=0, key_format="%Y-%m-%d"),
        start_date=datetime.combine(use_case.first_day, datetime.min.time(), ZoneInfo(use_case.time_zone)),
        catchup=False,
        default_args={"owner": use_case.owner},
        description=dag_text.DESCRIPTIONS[kind],
        doc_md=dag_text.doc_md(use_case, kind),
        tags=[use_case.name, kind, *(["replay"] if use_case.notice else [])],
        params=params,
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
    except (BadData, BadRequest, NotReady) as error:
        raise AirflowFailException(str(error)) from error


def _note(use_case: UseCase, what: str, **extra: object) -> None:
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
    _note(declared, "checked", day=day.isoformat(), rows=found, data_docs=str(settings.current().data_docs))
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
