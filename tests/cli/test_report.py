"""The report of the demo and `airworthy report`: which model is champion, which were rejected, and why."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from include.cli import report as cli_report
from include.declaration.period import DAY, Period
from include.monitoring.monitor import RealisedPerformance
from include.registry.ledger_entry import LedgerEntry
from include.registry.version_summary import VersionSummary
from include.web.summary import DecisionReport, UseCaseReport
from tests.toy_use_case import USE_CASE

TEST = {subject: {"log_loss": 0.5, "auc": 0.7} for subject in ("model", "logistic", "prior")}
PASSED = {"gate": "log_loss better than prior", "kind": "metric", "outcome": "passed", "reason": "0.5 is below 0.6."}
BETTER = {
    "gate": "log_loss better than the champion",
    "kind": "champion",
    "outcome": "passed",
    "reason": "At least 0.1.",
}
WORSE = BETTER | {"outcome": "failed", "reason": "It may be up to 0.01 higher."}


def promoted(version: str, since: Period) -> tuple[LedgerEntry, ...]:
    decision = {"version": version, "trees": version, "fingerprint": version, "action": "promotion", "actor": "Ann"}
    return (LedgerEntry(number=1, previous="", recorded_at="", effective_from=since, reason="", **decision),)


FIRST = VersionSummary(
    number="1",
    as_of=Period("2020-03-01"),
    status="archived",
    promotions=promoted("1", Period("2020-03-01")),
    compared_with="",
    gate_results=(PASSED, BETTER),
    card="card-1",
    test=TEST,
)
REJECTED = replace(FIRST, number="2", status="rejected", promotions=(), compared_with="1", gate_results=(PASSED, WORSE))
CHAMPION = replace(
    FIRST, number="3", status="champion", promotions=promoted("3", Period("2020-03-08")), compared_with="1"
)


TRIGGERED = DecisionReport(Period("2020-03-09"), "weighted_drift was above its limit on 3 days.", "promoted", "3")


def shown(*versions: VersionSummary, decided_periods: int = 0, decisions: tuple[DecisionReport, ...] = ()) -> str:
    console = Console(file=io.StringIO(), width=200)
    report = UseCaseReport(
        feeds={}, rows={}, versions=versions, unit=DAY, decided_periods=decided_periods, decisions=decisions, state={}
    )
    cli_report.print_report(console, USE_CASE, report, None)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_champion_is_named_with_its_day_and_whom_it_beat():
    text = shown(CHAMPION)
    assert "version 3, trained as of 2020-03-01: champion, promoted from 2020-03-08 on" in text
    assert "Gates: 2 passed; judged against version 1." in text
    assert "passed     log_loss better than the champion: At least 0.1." in text


def test_a_rejected_model_says_which_gate_failed_and_why():
    text = shown(REJECTED)
    assert "version 2, trained as of 2020-03-01: rejected, not promoted" in text
    assert "Gates: 1 passed, 1 failed; judged against version 1." in text
    assert "failed     log_loss better than the champion: It may be up to 0.01 higher." in text
    assert "log_loss better than prior" not in text, "what passed is counted, not listed"


def test_the_first_model_had_no_one_to_beat():
    assert "Gates: 2 passed; there was no champion." in shown(FIRST)


def test_every_version_says_where_its_model_card_is():
    assert shown(FIRST, CHAMPION).count("model card card-1") == 2


def test_without_a_version_that_is_said():
    assert "No model is registered yet." in shown()


def test_a_triggered_training_is_named_with_its_day_its_reason_and_its_outcome():
    failed = DecisionReport(Period("2020-03-20"), "The model is 61 days old.", "failed", "")
    lines = shown(CHAMPION, decided_periods=12, decisions=(TRIGGERED, failed)).splitlines()
    lines_of_retraining = [line.strip() for line in lines[lines.index("retraining, decided for 12 days") :]]
    assert lines_of_retraining[1:] == [
        "2020-03-09  train: version 3 promoted",
        "weighted_drift was above its limit on 3 days.",
        "2020-03-20  train: failed",
        "The model is 61 days old.",
    ]


def test_where_no_day_asked_for_a_training_that_is_said():
    assert "No day triggered a training." in shown(CHAMPION, decided_periods=12)
    assert "No day asked" not in shown(CHAMPION, decided_periods=12, decisions=(TRIGGERED,))


def test_where_no_day_was_decided_nothing_is_said_of_retraining():
    assert "training" not in shown(CHAMPION)


@pytest.mark.parametrize(
    ("realised", "said"),
    [
        (
            RealisedPerformance(
                "2020-03-01", "2020-03-02", ("2020-03-01", "2020-03-02"), {}, 9, {"model": {"log_loss": 0.5}}
            ),
            "9 rows with",
        ),
        (
            RealisedPerformance("2020-03-01", "2020-03-01", (), {"2020-03-01": "it has no labels yet"}, 0, {}),
            "it has no labels yet",
        ),
        (RealisedPerformance("2020-03-01", "2020-03-01", (), {}, 0, {}), "is not known: no period was scored"),
        (
            RealisedPerformance("2020-03-01", "2020-03-01", ("2020-03-01",), {}, 0, {"model": {"rows": 0.0}}),
            "no row has both",
        ),
    ],
)
def test_the_outcome_is_given_or_why_it_is_unknown(realised, said):
    console = Console(file=io.StringIO(), width=200)
    report = UseCaseReport(feeds={}, rows={}, versions=(), unit=DAY, decided_periods=0, decisions=(), state={})
    cli_report.print_report(console, USE_CASE, report, realised)
    assert said in " ".join(console.file.getvalue().split())
