"""The life cycle of the toy use case as steps, and everything that a step may change as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from include.declaration.period import LATEST, Period
from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, validate
from include.lake import schemas
from include.lake.lake import Lake
from include.monitoring import monitor
from include.project import open_project
from include.promotion import promote, register, rollback
from include.registry.ledger import Ledger
from include.registry.lifecycle import is_promotion
from include.registry.mlflow_registry import Registry
from include.registry.tags import from_mlflow
from include.retraining import decide, outcome, reserve_slot
from include.retraining.budget import RetrainingBudget
from include.scoring import score
from include.training import train
from include.use_case import UseCase
from tests.conftest import AS_OF, LAST
from tests.monitoring import measures
from tests.toy_use_case import USE_CASE

DAY = LAST + 1
"""The first day that the filled lake does not hold."""


@dataclass(frozen=True)
class Step:
    """One stage, as its task calls it."""

    run: Callable[[], object]
    trials: int
    """Of the hundred kills, how many are its own; none for what only prepares the next step."""
    left: Callable[[], object] = lambda: None
    """What it must have left besides the `state`, as plain values."""


def _run_id() -> str:
    """The newest training that is complete."""
    registry = Registry(USE_CASE)
    (newest, *_) = (run for run in _runs(registry) if run.info.status == "FINISHED")
    return newest.info.run_id


def _runs(registry: Registry) -> list[Any]:
    client = registry._client
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, order_by=["attributes.start_time DESC"]))


def _breach() -> None:
    """Measures of three days that ask for a training."""
    for back in (2, 1, 0):
        measures.breach(Lake.open(USE_CASE), DAY - back)
        if back:
            decide.decide_retraining(open_project(USE_CASE), DAY - back)


def _record() -> object:
    training = {"state": "success", "version": "1", "promotion": {"promoted": True, "reason": "All gates are passed."}}
    return outcome.record_training_outcome(open_project(USE_CASE), DAY, f"drift__{DAY}", **training)


STEPS = {
    "ingest": Step(lambda: ingest.ingest_period(open_project(USE_CASE), DAY), 8),
    "validate": Step(lambda: validate.validate_period(open_project(USE_CASE), DAY), 8),
    "build_features": Step(lambda: build.build_features(open_project(USE_CASE), DAY), 10),
    "train": Step(lambda: train.train_model(open_project(USE_CASE), AS_OF, reason="a first model"), 8),
    "evaluate": Step(lambda: evaluate.evaluate_run(open_project(USE_CASE), _run_id()), 6),
    "register": Step(lambda: register.register_run(open_project(USE_CASE), _run_id()), 8),
    "promote": Step(lambda: promote.promote_version(open_project(USE_CASE), "1", actor="a drill"), 9),
    "score": Step(lambda: score.score_period(open_project(USE_CASE), DAY), 8),
    "measure": Step(lambda: monitor.monitor_period(open_project(USE_CASE), DAY), 5),
    "breach": Step(_breach, 0),
    "decide": Step(lambda: decide.decide_retraining(open_project(USE_CASE), DAY), 4),
    "claim": Step(lambda: reserve_slot.reserve_slot(open_project(USE_CASE), DAY), 3),
    "record_outcome": Step(_record, 3),
    "rollback": Step(
        lambda: rollback.roll_back(open_project(USE_CASE), "1", DAY, actor="a drill", reason="to try it"), 4
    ),
}


def tables(use_case: UseCase = USE_CASE) -> dict[str, dict[Period, tuple[str, int]]]:
    """Table to day to digest and rows, of all tables."""
    view = Lake.open(use_case).as_of(LATEST)
    return {
        table: {period: (held.digest, held.rows) for period, held in view.partitions(table).items()}
        for table in schemas.table_names(use_case)
    }


def rows_lost(
    reference: dict[str, dict[Period, tuple[str, int]]], found: dict[str, dict[Period, tuple[str, int]]]
) -> int:
    """Rows of the reference's days that are missing, over all tables."""
    return sum(
        max(0, rows - found[table].get(period, ("", 0))[1])
        for table, periods in reference.items()
        for period, (_, rows) in periods.items()
    )


def state() -> dict[str, Any]:
    """Tables, ledger, claims and registry, without what depends on the clock or is drawn by chance (ids of runs)."""
    registry, entries = Registry(USE_CASE), Ledger.open(USE_CASE).entries()
    head = registry.ledger_head()
    return {
        "tables": tables(),
        "ledger": [asdict(entry) | OF_ONE_LIFE for entry in entries],
        "head": (head is None and not entries) or head == entries[-1].head,
        "flights": sum(is_promotion(entry) for entry in entries),
        "claims": [asdict(each) for each in RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(DAY)],
        "alias": registry.champion(),
        "versions": {each.number: (_shared(each.copies), each.description) for each in registry.versions()},
        "runs": sorted({_known(run) for run in _runs(registry) if run.info.status == "FINISHED"}),
    }


OF_ONE_LIFE = {"recorded_at": "", "previous": "", "files_digest": "", "mac": ""}
"""Fields of an entry that are others in each life: a model's files name its run."""


def _shared(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name not in ("files_digest", "model_id")}


def _known(run: Any) -> tuple[str, ...]:
    """By what a complete training is known again: data, trees, gate results and its metrics."""
    tags = from_mlflow(run.data.tags)
    values = tuple(tags.get(name, "") for name in ("fingerprint", "trees", "sample_digest", "gates", "judged"))
    return (*values, str(sorted(run.data.metrics.items())))
