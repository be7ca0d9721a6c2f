"""One summary describes a version, from its records and the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from include.declaration.period import Period
from include.registry.ledger_entry import LedgerEntry
from include.registry.lifecycle import RecordedApproval
from include.registry.model_record import Version
from include.registry.version_summary import summarise_entry, summarise_version, summarise_versions

MARCH, APRIL, MAY = Period("2020-03-01"), Period("2020-04-01"), Period("2020-05-01")
SPLITS = {"test": {"first": "2020-02-01", "last": "2020-02-20", "periods": 20}}
FAILED = {"gate": "auc at least 0.8", "outcome": "failed", "reason": "0.7 is below 0.8.", "blocks": True}


def version(number: str = "1", **tags: str) -> Version:
    own = {
        "trees": f"trees of {number}",
        "fingerprint": f"made as {number}",
        "files_digest": f"files of {number}",
        "as_of": "2020-03-01",
        "window": "2020-01-01..2020-02-20",
        "report": json.dumps({"splits": SPLITS}),
    }
    values: dict[str, Any] = {"copies": {}, "description": "", "files": {}, "judged": {"model": {"auc": 0.7}}}
    measured = {"test/auc.model": 0.7, "train/auc.model": 0.9}
    return Version(number, "run", "model", own | tags, metrics=measured, **values)


def entry(number: int, action: str, since: Period, of: str = "1", **others: Any) -> LedgerEntry:
    model = {"trees": f"trees of {of}", "fingerprint": f"made as {of}", "files_digest": f"files of {of}"}
    stored = {"previous": "", "recorded_at": "", "actor": "Ann", "reason": "better"} | model | others
    return LedgerEntry(number=number, version=of, effective_from=since, action=action, **stored)


def test_a_summary_has_what_the_records_say():
    summary = summarise_version(
        version(
            gates="failed", gate_results=json.dumps([FAILED]), compared_with="", reason="drift",
            not_promoted="its gates", reproduced="equal", model_card="runs:/run/card",
        ),
        (),
    )  # fmt: skip
    assert (summary.number, summary.as_of, summary.window) == ("1", MARCH, "2020-01-01..2020-02-20")
    assert (summary.gates, summary.gate_results, summary.blocking) == ("failed", (FAILED,), "0.7 is below 0.8.")
    assert (summary.compared_with, summary.training_reason, summary.not_promoted) == ("", "drift", "its gates")
    assert (summary.reproduced, summary.card, summary.splits) == ("equal", "runs:/run/card", SPLITS)
    assert (summary.test, summary.judged) == ({"model": {"auc": 0.7}}, {"model": {"auc": 0.7}})
    assert summary.gate_lines == ["failed auc at least 0.8: 0.7 is below 0.8."]
    assert summary.trained == "Trained as of 2020-03-01 on 2020-01-01..2020-02-20"


def test_what_is_not_known_of_a_version_is_empty():
    summary = summarise_version(version(), ())
    assert (summary.gates, summary.compared_with, summary.gate_results, summary.approval) == ("", None, (), None)
    assert (summary.training_reason, summary.not_promoted, summary.reproduced, summary.card) == ("", "", "", "")
    assert (summary.promoted_from, summary.status) == ((), None)


def test_the_days_from_which_it_was_champion_and_who_approved_it_come_from_the_ledger():
    entries = [
        entry(1, "promotion", MARCH),
        entry(2, "promotion", APRIL, of="2"),
        entry(3, "approval", MARCH, judged="these gates", reason="looks good"),
        entry(4, "rollback", MAY),
    ]
    summary = summarise_version(version(judged="these gates"), entries)
    assert summary.promoted_from == (MARCH, MAY)
    assert summary.approval == RecordedApproval(True, "Ann", "looks good")


@pytest.mark.parametrize(("period", "lives"), [(MARCH, ["champion", "archived"]), (APRIL, ["archived", "champion"])])
def test_each_version_of_a_registry_has_its_life_on_a_day(period, lives):
    entries = [entry(1, "promotion", MARCH), entry(2, "promotion", APRIL, of="2")]
    assert [each.status for each in summarise_versions([version("1"), version("2")], entries, period)] == lives


def test_a_version_is_summarised_from_its_entry_when_mlflow_is_not_asked():
    gate_results = ({"gate": "auc", "outcome": "passed", "reason": "0.9"},)
    first, back = (
        entry(1, "promotion", MARCH, gate_results=gate_results),
        entry(3, "rollback", MAY, gate_results=gate_results),
    )
    summary = summarise_entry(back, [first, entry(2, "promotion", APRIL, of="2"), back])
    assert (summary.number, summary.as_of, summary.promoted_from) == ("1", MARCH, (MAY,))
    assert summary.gate_lines == ["passed auc: 0.9"]
    assert summarise_entry(replace(back, trees="others"), [first]).as_of == MAY
