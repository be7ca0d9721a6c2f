"""Run days in a given order, and read the resulting tables."""

from collections.abc import Iterable

from include.declaration.period import LATEST, Period
from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, validate
from include.lake import schemas
from include.lake.lake import Lake
from include.monitoring import monitor
from include.project import open_project
from include.promotion import promote, register
from include.scoring import score
from include.training import train
from include.use_case import UseCase


def run_days(use_case: UseCase, periods: Iterable[Period]) -> None:
    for period in periods:
        ingest.ingest_period(open_project(use_case), period)
        validate.validate_period(open_project(use_case), period)
        build.build_features(open_project(use_case), period)


def make_champion(use_case: UseCase, period: Period) -> None:
    """Train as of `day`, judge, register and promote."""
    run_id = train.train_model(open_project(use_case), period).run_id
    evaluate.evaluate_run(open_project(use_case), run_id)
    assert promote.promote_version(
        open_project(use_case), register.register_run(open_project(use_case), run_id).version, actor="a test"
    ).promoted


def score_and_measure(use_case: UseCase, periods: Iterable[Period]) -> None:
    """As the daily runs do: the day, and again that which judges it where it was measured before."""
    for period in periods:
        score.score_period(open_project(use_case), period)
        monitor.monitor_period(open_project(use_case), period)
        monitor.remeasure_label_period(open_project(use_case), period)


def contents(use_case: UseCase) -> dict[str, dict[Period, str]]:
    """Table to day to digest."""
    view = Lake.open(use_case).as_of(LATEST)
    return {
        table: {period: partition.digest for period, partition in view.partitions(table).items()}
        for table in schemas.table_names(use_case)
    }


def versions(use_case: UseCase) -> dict[str, int]:
    view = Lake.open(use_case).as_of(LATEST)
    return {table: view.version(table) for table in schemas.table_names(use_case)}


def only(found: dict[str, dict[Period, str]], periods: list[Period]) -> dict[str, dict[Period, str]]:
    return {
        table: {period: digest for period, digest in held.items() if period in periods} for table, held in found.items()
    }
