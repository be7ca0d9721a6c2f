"""Versions of the toy use case, registered directly from one trained run: how they came there is not asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from include.stages import evaluate, promote
from include.storage.ledger import Ledger
from include.storage.models import Registry
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

WRITES = (
    "set_registered_model_tag", "set_registered_model_alias", "delete_registered_model_alias",
    "set_model_version_tag", "delete_model_version_tag", "update_model_version",
)  # fmt: skip
"""Every call that changes what MLflow's registry holds."""
LATER = date(2020, 3, 5)
REASONS = {"passed": "It is good.", "failed": "It is bad.", "not judged": "Nobody knows."}


def verdict(outcome: str, *, blocks: bool = True) -> dict[str, Any]:
    """What a gate says, as evaluate keeps it."""
    reason = REASONS.get(outcome, "For your information.")
    measured = {"kind": "metric", "metric": "log_loss", "value": 0.3, "limit": 0.4}
    blocks = blocks and outcome in ("failed", "not judged")
    return {"gate": f"a gate {outcome}", "outcome": outcome, "blocks": blocks, "reason": reason, **measured}


def register(run_id: str, day: date = AS_OF, *, gates: str | None = "passed", **tags: str) -> str:
    """The number of a new version with the run's model, as if it were trained as of `day` and judged so."""
    registry = Registry(USE_CASE)
    run = registry.run(run_id).data.tags
    fingerprint = f"{run['airworthy.fingerprint']} {len(registry.versions()) + 1}"
    known = {"as_of": day.isoformat(), "airworthy.fingerprint": fingerprint, "reason": "a first model"}
    judged = {} if gates is None else {"gates": gates, "verdicts": json.dumps([verdict(gates)])}
    number = registry.register(run_id, run["model_id"], known | judged | tags, "A model.").number
    judge_now(number)
    return number


def judge_now(number: str) -> None:
    """Let a version's verdicts be of the gates and the champion of now."""
    registry = Registry(USE_CASE)
    version = registry.version(number)
    judged = evaluate._judged_by(USE_CASE, evaluate._champion(USE_CASE, registry, version))
    if version.tags.get("judged") != judged:
        registry.tag_version(number, {"judged": judged})


def promoted(number: str, *, who: str, **given: Any) -> promote.PromoteResult:
    """Promote a version whose verdicts are of what holds now."""
    judge_now(number)
    return promote.run(USE_CASE, number, who=who, **given)


def life(number: str) -> str | None:
    return Registry(USE_CASE).version(number).tags.get("life")


def alias() -> str | None:
    return Registry(USE_CASE).champion()


def state() -> dict[str, Any]:
    """All that a promotion, an approval or a rollback may change; without what depends on the clock."""
    registry, entries = Registry(USE_CASE), Ledger.of(USE_CASE).entries()
    clock = {"recorded_at": "", "previous": ""}
    return {
        "entries": [asdict(entry) | clock for entry in entries],
        "head matches": registry.ledger_head() == (entries[-1].head if entries else None),
        "alias": registry.champion(),
        "versions": {version.number: (version.tags, version.description) for version in registry.versions()},
    }
