"""Airflow tasks. They translate; they do not think.

Heavy libraries are imported inside the tasks: this module is read whenever a DAG file is parsed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from airflow.sdk import get_current_context, task

from include import settings
from include.dag import INPUT_OUTPUT, day_of, note, told
from include.use_cases import load


@task(**INPUT_OUTPUT)
def ingest(use_case: str) -> dict[str, int]:
    """Land what became known of every feed; rows landed by feed."""
    from include.stages import ingest

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        landed = {feed: commit.partition.rows for feed, commit in ingest.run(declared, day).items()}
    note(declared, "raw", day=day.isoformat(), rows=landed)
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
    note(
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
    note(declared, "features", **written)
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
    note(declared, "model", version=version, promoted=promotion.promoted, why=promotion.reason, mlflow=page)
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
    note(declared, "predictions", day=day.isoformat(), version=result.version, rows=result.rows)
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
