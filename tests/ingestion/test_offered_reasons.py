"""The reasons that the form of a quarantine offers come from the newest reports on this disk."""

from __future__ import annotations

import json

import pytest

from include import settings
from include.declaration.names import lake_folder
from include.ingestion import offered_reasons
from include.ingestion.offered_reasons import OfferedReason, read_offered_reasons
from include.ingestion.report_name import FOLDER, ReportName
from include.orchestration.params import quarantine_params
from tests import quarantined
from tests.quarantined import DAY, HOUR, NEXT
from tests.toy_use_case import USE_CASE

FEEDS = ("events", "outcomes")


def offered(feeds=FEEDS) -> list[OfferedReason]:
    return read_offered_reasons(settings.current_settings().lake, lake_folder("toy"), feeds)


@pytest.fixture
def reports(lake_home):
    """Write a report of a feed with reasons."""

    def write(key: str, reasons: object, quarantined: int = 1, feed: str = "events") -> None:
        name = ReportName(key, "published", 9, quarantined, "abc")
        place = lake_home / "lake" / lake_folder("toy") / FOLDER / feed / name.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(reasons if isinstance(reasons, str) else json.dumps({"reasons": reasons}))

    return write


def test_a_use_case_that_never_quarantined_offers_none_and_its_form_takes_lines(lake_home):
    assert offered() == []
    field = quarantine_params(USE_CASE)["reasons"]
    assert "examples" not in field.schema and "one per line" in field.description


def test_the_form_offers_the_reasons_of_the_rows_that_a_validation_quarantined(lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], DAY)
    quarantined.land("events", DAY, NEXT)
    assert offered() == [OfferedReason("events", HOUR)]
    field = quarantine_params(USE_CASE)["reasons"]
    assert field.schema["examples"] == [HOUR] and field.schema["values_display"] == {HOUR: f"events: {HOUR}"}
    assert field.resolve([HOUR]) == [HOUR]
    assert field.resolve(["another, of an older period"]), "the form's choice is no limit: an older reason is valid too"


def test_a_reason_of_several_feeds_names_them_all(reports):
    for feed in FEEDS:
        reports("2020-01-10", {"late": 1}, feed=feed)
    assert quarantine_params(USE_CASE)["reasons"].schema["values_display"] == {"late": "events, outcomes: late"}


def test_only_the_newest_periods_that_quarantined_rows_are_read_and_each_reason_is_offered_once(reports):
    for number in range(1, offered_reasons.PERIODS + 6):
        reports(f"2020-01-{number:02}", {f"reason {number}": 1, "same": 2})
    reports("2020-02-01", {"of no row": 1}, quarantined=0)
    texts = [each.text for each in offered(("events",))]
    assert texts[:2] == [f"reason {offered_reasons.PERIODS + 5}", "same"] and texts.count("same") == 1
    assert "reason 6" in texts and "reason 5" not in texts and "of no row" not in texts


def test_a_file_of_another_content_is_ignored_and_a_text_that_a_form_cannot_show_is_left_out(reports):
    reports("2020-01-10", {"good": 1, "bad\u202etext": 1, "line\nbreak": 1, "x" * 2001: 1})
    reports("2020-01-11", "no json")
    reports("2020-01-12", ["a list"])
    reports("2020-01-13", "[]")
    reports("2020-01-14", '{"reasons": {"' + "y" * 1_000_001 + '": 1}}')
    assert [each.text for each in offered()] == ["good"]


def test_a_lake_on_s3_is_not_asked_while_dag_files_are_read():
    assert read_offered_reasons("s3://bucket/lake", "toy", FEEDS) == []
