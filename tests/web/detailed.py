"""What the pages of details read besides the metrics: features, a reference profile and the record of a training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from include.declaration.period import Period
from include.lake.lake import Lake
from include.model.metrics import metric_name
from include.monitoring import reference_histogram
from include.monitoring.reference_profile import ReferenceProfile, ReferenceVariation
from include.project import open_project
from include.registry import tags
from include.use_case import UseCase
from tests import toy
from tests.toy_use_case import source
from tests.web.measured import Row, period_of

PROFILE = "airworthy/profile.json"
KINDS = tuple(sorted(source.KINDS.tolist()[:3]))
"""The categories of the training; the fourth was never seen in it."""
TEST = {"log_loss": 0.5301, "auc": 0.6912, "expected_cost": 0.41}
CHAMPION_ON_TEST = {"log_loss": 0.5444, "auc": 0.6777, "expected_cost": 0.44}


def fill(home: Path, numbers: range) -> None:
    """Features of these days of the toy use case, and the models of versions 1 and 3."""
    toy.fill(Lake.open(toy.USE_CASE), period_of(numbers[0]), period_of(numbers[-1]))
    for version in ("1", "3"):
        store_model(home, toy.USE_CASE, version)


def store_model(home: Path, use_case: UseCase, version: str, *, profile: ReferenceProfile | None = None) -> Path:
    """The signed record of a version's training and evaluation, and this machine's copy of its profile."""
    content = json.dumps((profile or toy_profile()).to_json()).encode()
    model_id, run_id = f"m-{version}", f"{int(version):032x}"
    path = home / "models" / model_id / PROFILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    records = open_project(use_case).records
    trained = {
        tags.FINGERPRINT: f"print{version}", tags.MODEL_ID: model_id, tags.FILES_DIGEST: f"files{version}",
        tags.AS_OF: "2020-07-01", tags.TREES: f"trees{version}",
    }  # fmt: skip
    measured = {metric_name("test", name, "model"): value for name, value in TEST.items()}
    files = {PROFILE: hashlib.sha256(content).hexdigest()}
    records.append(
        "training",
        run_id,
        {"tags": {str(n): v for n, v in trained.items()}, "files": files, "metrics": measured},
    )
    if version == "3":
        records.append(
            "evaluation",
            run_id,
            {
                "files_digest": f"files{version}", "judged_by": "x", "champion": "1", "final": True, "gate_results": [],
                "metrics": {"model": TEST, "champion": CHAMPION_ON_TEST},
            },
        )  # fmt: skip
    return path


def toy_profile() -> ReferenceProfile:
    """The distributions of one day, without one kind, and drift that is usual."""
    rows = source.everything(Period("2020-06-01"))
    features = {
        name: reference_histogram.reference_histogram(rows[name], KINDS if kind == "category" else None)
        for name, kind in toy.USE_CASE.features.items()
    }
    usual = ReferenceVariation(1, (0.1,), (0.1,), dict.fromkeys(features, (0.1,)))
    return ReferenceProfile(
        rows=rows.num_rows,
        features=features,
        types=dict(toy.USE_CASE.features),
        importance=dict.fromkeys(features, 1 / len(features)),
        predictions=features["size"],
        usual=usual,
        expected_metrics={},
    )


def slice_rows(use_case: UseCase, number: int, period: Period, version: str) -> Iterator[Row]:
    """Metrics of the kinds and of hours on one scored day; nuts become worse."""
    rng, metric = np.random.default_rng(number), use_case.task.main_metric
    for place, kind in enumerate(source.KINDS.tolist()):
        value = 0.5 + 0.02 * place + rng.normal(0, 0.02) + (0.003 * (number - 200) if kind == "nut" else 0)
        yield Row(f"slice/{metric}", f"kind: {kind}", value, period, version)
        yield Row("slice_rows", f"kind: {kind}", 40 + 10 * place, period, version)
