"""Each step of a pipeline, and the same result made by hand with the same libraries.

By hand nothing is verified, digested, signed or committed: files are read, the same is computed, one file is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.synthetic import FIRST, LOOK_BACK, USE_CASE, expectations, source
from include.declaration.period import period_range
from include.features import build
from include.ingestion import ingest, validate
from include.monitoring import monitor
from include.pipelines import score, train
from include.pipelines.context import PipelineRun
from include.project import Project, open_project
from include.training import train as training

DAY = FIRST + LOOK_BACK
"""The day that is measured; the days before are its history."""
FEATURES = [*USE_CASE.features]
ROUND = "BENCH_ROUND"
"""Names the number of the round: a step that was done before would find its work done."""


@dataclass(frozen=True)
class Pair:
    """A step of ours and the same by hand; each returns its number of rows."""

    ours: Callable[[Project], int]
    by_hand: Callable[[Path], int]
    limit: float | None
    """Most that ours may cost, as a multiple; None: the multiple is stated."""
    by_hand_is: str
    """What is done by hand."""


MODELLED = ("score", "train", "measure")
"""Steps that need features of every day, or a model."""


def prepare(folder: Path, steps: Sequence[str]) -> None:
    """Land the history, write its files for the work by hand, and, if a step needs them, make features and a model."""
    project = open_project(USE_CASE)
    files = folder / "by_hand"
    files.mkdir()
    is_modelled = not set(MODELLED).isdisjoint(steps)
    for period in period_range(FIRST, DAY):
        ingest.ingest_period(project, period)
        validate.validate_period(project, period)
        if is_modelled:
            build.build_features(project, period)
    for period in period_range(FIRST, DAY):
        pq.write_table(source.events(period), files / f"events-{period}.parquet")
        pq.write_table(source.outcomes(period), files / f"outcomes-{period}.parquet")
    if not is_modelled:
        return
    for period in period_range(FIRST, DAY):
        rows = project.lake.as_of(period).read("features", period, period)
        pq.write_table(rows, files / f"features-{period}.parquet")
    run = PipelineRun(project, DAY, {"promotion": "automatic"}, actor="bench", reason="bench")
    for step in train.STEPS:
        step(run)
    score.score(PipelineRun(project, DAY, {}))
    registry = project.registry
    registry.load(registry.version("1")).booster.save_model(str(files / "model.txt"))


def _events() -> Any:
    return next(feed for feed in USE_CASE.feeds if feed.name == "events")


def ingest_ours(project: Project) -> int:
    return ingest.land_feed(project, _events(), DAY + 1 + int(os.environ[ROUND])).partition.rows


def ingest_by_hand(folder: Path) -> int:
    rows = source.events(DAY + 1)
    if rows.group_by(["event_date", "id"]).aggregate([]).num_rows != rows.num_rows:
        raise SystemExit("a key occurs twice")
    pq.write_table(rows.sort_by([("event_date", "ascending"), ("id", "ascending")]), folder / "ingested.parquet")
    return rows.num_rows


def validate_ours(project: Project) -> int:
    return validate.check_feed(project, _events(), DAY, again=True).published


def validate_by_hand(folder: Path) -> int:
    conditions = [_condition(rule) for rule in expectations.events().rows]
    broken = ", ".join(f"case when not ({condition}) then {place} end" for place, condition in enumerate(conditions))
    query = f"""
        copy (
            select *, list_filter([{broken}], x -> x is not null) as reasons
            from '{folder}/events-{DAY}.parquet' order by event_date, id
        ) to '{folder}/checked.parquet' (format parquet)"""
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        connection.execute(query)
        connection.execute(f"select avg(size), count(*) from '{folder}/events-{DAY}.parquet'")
    return pq.read_metadata(folder / "checked.parquet").num_rows


def _condition(rule: Any) -> str:
    """Return the condition of a row-level expectation in SQL."""
    column, kind = rule.column, type(rule).__name__
    if kind == "ExpectColumnValuesToNotBeNull":
        return f"{column} is not null"
    if kind == "ExpectColumnValuesToMatchRegex":
        return f"{column} is null or regexp_matches({column}, '{rule.regex}')"
    if kind == "ExpectColumnValuesToBeInSet":
        return f"{column} is null or {column} in ({', '.join(repr(value) for value in rule.value_set)})"
    value = f"length({column})" if kind == "ExpectColumnValueLengthsToBeBetween" else column
    bounds = [f"{value} >= {rule.min_value}"] if rule.min_value is not None else []
    bounds += [f"{value} <= {rule.max_value}"] if rule.max_value is not None else []
    return f"{column} is null or ({' and '.join(bounds)})"


def features_ours(project: Project) -> int:
    return build.build_features(project, DAY, again=True).partition.rows


def features_by_hand(folder: Path) -> int:
    past = [f"{folder}/events-{period}.parquet" for period in period_range(FIRST, DAY - 1)]
    query = f"""
        copy (
            with past as (
                select customer, count(*) as count, sum(cents)::bigint as amount, max(cents) as largest
                from read_parquet({past}) group by customer
            )
            select event_date, id, kind, size, cents, count, amount, largest
            from '{folder}/events-{DAY}.parquet' left join past using (customer) order by event_date, id
        ) to '{folder}/features.out' (format parquet)"""
    outcomes, target = f"{folder}/outcomes-{DAY}.parquet", f"{folder}/labels.out"
    labels = f"copy (from '{outcomes}' order by event_date, id) to '{target}' (format parquet)"
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        connection.execute(query)
        connection.execute(labels)
    return pq.read_metadata(folder / "features.out").num_rows


def score_ours(project: Project) -> int:
    return score.scoring.score_period(project, DAY, rescore=True).rows


def score_by_hand(folder: Path) -> int:
    import lightgbm

    rows = pq.read_table(folder / f"features-{DAY}.parquet")
    booster = lightgbm.Booster(model_file=str(folder / "model.txt"))
    predicted = pa.array(booster.predict(_matrix(rows), num_threads=2))
    scored = rows.select(["event_date", "id"]).append_column("prediction", predicted)
    pq.write_table(scored, folder / "scored.parquet")
    return scored.num_rows


def _matrix(rows: pa.Table) -> Any:
    frame = rows.select(FEATURES).to_pandas()
    frame["kind"] = frame["kind"].astype("category").cat.codes
    return frame.astype("float64").to_numpy()


def train_ours(project: Project) -> int:
    return training.train_model(project, DAY, parameters={"feature_fraction": _fraction()}).rows


def _fraction() -> float:
    return 0.95 + int(os.environ[ROUND]) / 1000


def train_by_hand(folder: Path) -> int:
    import lightgbm

    days = [*period_range(FIRST, DAY - 2)]
    rows, known = [], []
    for period in days:
        features = pq.read_table(folder / f"features-{period}.parquet")
        outcomes = pq.read_table(folder / f"outcomes-{period + 1}.parquet")
        rows.append(_matrix(features))
        known.append(outcomes["failed"].to_numpy())
    parameters = {"objective": "binary", "metric": "binary_logloss", "num_threads": 2, "verbosity": -1, "seed": 1}
    parameters |= dict(USE_CASE.training.parameters) | {"feature_fraction": _fraction()}
    stacked = np.concatenate
    fitted = lightgbm.Dataset(stacked(rows[:-2]), stacked(known[:-2]), categorical_feature=[0])
    checked = lightgbm.Dataset(rows[-2], known[-2], reference=fitted)
    stop = lightgbm.early_stopping(USE_CASE.training.early_stopping_rounds, verbose=False)
    booster = lightgbm.train(parameters, fitted, USE_CASE.training.num_boost_round, [checked], callbacks=[stop])
    booster.predict(rows[-1], num_threads=2)
    return sum(len(labels) for labels in known)


def measure_ours(project: Project) -> int:
    return monitor.monitor_period(project, DAY).figures


def measure_by_hand(folder: Path) -> int:
    """Compute the counts of which drift is made, of each feature on the day and on the reference days, by DuckDB."""
    reference = [f"{folder}/features-{period}.parquet" for period in period_range(FIRST, DAY - 3)]
    figures = 0
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        for name, kind in USE_CASE.features.items():
            for files in (reference, [f"{folder}/features-{DAY}.parquet"]):
                if kind == "category":
                    query = f"select {name}, count(*) from read_parquet({files}) group by 1"
                else:
                    bins = ", ".join(str(number / 10) for number in range(1, 10))
                    figure = f"count(*), count({name}), avg({name}), quantile_cont({name}, [{bins}])"
                    query = f"select {figure} from read_parquet({files})"
                connection.execute(query).fetchall()
                figures += 1
    return figures


PAIRS = {
    "ingest": Pair(ingest_ours, ingest_by_hand, 1.3, "source called, keys checked by Arrow, sorted, one Parquet file"),
    "validate": Pair(validate_ours, validate_by_hand, 1.3, "the same rules in one DuckDB scan, and the write"),
    "features": Pair(features_ours, features_by_hand, 1.5, "the same SQL in DuckDB, from Parquet to Parquet"),
    "score": Pair(score_ours, score_by_hand, 1 / 0.95, "read, encode, LightGBM predict, write"),
    "train": Pair(train_ours, train_by_hand, None, "read, LightGBM train with early stopping, predict the test day"),
    "measure": Pair(measure_ours, measure_by_hand, None, "counts and quantiles of each feature by DuckDB"),
}
"""Steps in their order, and what each may cost at most."""
