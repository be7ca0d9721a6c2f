"""Which version is tried in a period is read from the ledger alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.declaration.period import Period
from include.lake.record_store import FlawedRecordError
from include.registry.ledger_entry import LedgerEntry, decode_entry
from include.registry.trials import list_trials, open_trial, trial_of

DAYS = [Period(f"2020-03-{day:02}") for day in range(1, 12)]


def entry(number: int, action: Any, day: int, version: str = "2", **trial: Any) -> LedgerEntry:
    model = {"version": version, "trees": f"trees {version}", "fingerprint": "f", "files_digest": "d"}
    return LedgerEntry(
        **model, effective_from=DAYS[day], action=action, actor="Ann", reason="a test", trial=trial,
        number=number, previous="", recorded_at="2020-03-12T00:00:00+00:00",
    )  # fmt: skip


def tried(*entries: LedgerEntry) -> str:
    """The version that is tried in each of the days; . if none is."""
    return "".join(trial.version if (trial := trial_of(day, entries)) else "." for day in DAYS)


START = entry(2, "trial", 3, as_of="2020-03-01", share=0, salt="s")


def test_a_trial_applies_from_its_first_period_on():
    assert tried(START) == "...22222222"
    assert open_trial([START]).entry == START


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (entry(3, "trial_end", 6), "...222....."),
        (entry(3, "promotion", 6, as_of="2020-03-01"), "...222....."),
        (entry(3, "rollback", 7), "...2222...."),
        (entry(3, "rejection", 0, ends="2020-03-06"), "...22......"),
        (entry(3, "rejection", 0), "..........."),
        (entry(3, "promotion", 0), "..........."),
        (entry(3, "approval", 0), "...22222222"),
        (entry(3, "promotion", 6, version="3"), "...22222222"),
        (entry(3, "restoration", 6), "...22222222"),
    ],
)
def test_it_ends_by_its_end_and_by_what_is_decided_of_its_version(ending, expected):
    assert tried(START, ending) == expected


def test_only_the_first_end_counts_and_another_trial_may_follow():
    ends, again = entry(3, "trial_end", 5), entry(5, "trial", 8, version="3")
    late = entry(4, "trial_end", 9)
    assert tried(START, ends, late, again) == "...22...333"
    assert [trial.version for trial in list_trials([START, ends, late, again])] == ["2", "3"]
    assert open_trial([START, ends, late]) is None


def test_entries_recorded_before_a_start_do_not_end_it():
    assert tried(entry(1, "promotion", 2), START) == "...22222222"


def test_entries_without_a_trial_keep_the_content_that_they_had():
    values = json.loads(entry(1, "promotion", 2).content())
    assert "trial" not in values
    assert decode_entry("1", entry(1, "promotion", 2).content()).trial == {}
    assert json.loads(START.content())["trial"] == {"as_of": "2020-03-01", "share": 0, "salt": "s"}
    assert decode_entry("2", START.content()) == START


def test_values_of_a_trial_that_are_no_mapping_are_damage():
    spoiled = json.loads(START.content()) | {"trial": ["share"]}
    with pytest.raises(FlawedRecordError):
        decode_entry("2", json.dumps(spoiled).encode())


def test_a_promotion_after_a_trial_names_the_day_of_its_training():
    assert entry(3, "promotion", 6, as_of="2020-03-01").trained_as_of == DAYS[0]
    assert entry(3, "promotion", 6).trained_as_of == DAYS[6]
