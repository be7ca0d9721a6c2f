"""The ledger's entries on the page: how long each made the champion, and its run."""

from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerDecision
from include.web import ledger_rows
from tests import toy
from tests.web import measured
from tests.web.measured import period_of

LATER = period_of(300)


def rows(until=LATER):
    return ledger_rows.ledger_rows("toy", Ledger.open(toy.USE_CASE).entries()[::-1], until)


def test_each_champion_has_its_first_and_last_day(lake_home):
    measured.promote(toy.USE_CASE, "1", period_of(0))
    measured.promote(toy.USE_CASE, "2", period_of(5), "rejection")
    measured.promote(toy.USE_CASE, "3", period_of(10))
    assert [row.reign for row in rows()] == [
        f"champion since {period_of(10)}", "", f"champion {period_of(0)} to {period_of(9)}",
    ]  # fmt: skip
    assert rows(period_of(9))[-1].reign == f"champion since {period_of(0)}"


def test_a_champion_that_was_replaced_from_its_first_day_on_reigned_on_no_day(lake_home):
    measured.promote(toy.USE_CASE, "1", period_of(0))
    measured.promote(toy.USE_CASE, "3", period_of(0))
    assert rows()[-1].reign.startswith("champion of no period")


def test_the_run_that_wrote_an_entry_has_an_address(lake_home):
    actors = ("ada (run 'manual__2026-11-28T07:46:57+00:00')", "account root of this machine (command line)")
    for number, actor in enumerate(actors):
        decision = LedgerDecision(
            version=str(number), trees=f"t{number}", fingerprint=f"f{number}", effective_from=period_of(number),
            action="rollback" if number else "promotion", actor=actor, reason="why",
        )  # fmt: skip
        Ledger.open(toy.USE_CASE).append(decision)
    assert [row.run for row in rows()] == ["", "/dags/toy__train/runs/manual__2026-11-28T07%3A46%3A57%2B00%3A00"]


def test_who_wrote_an_entry_is_named_without_the_run_that_the_page_links(lake_home):
    written = {
        "ada (run 'manual__2026'), approved by bo": "ada, approved by bo", "ada (run 'manual__2026')": "ada",
        "account root (command line)": "account root (command line)",
    }  # fmt: skip
    for number, actor in enumerate(written):
        decision = LedgerDecision(
            version=str(number), trees=f"t{number}", fingerprint=f"f{number}", effective_from=period_of(number),
            action="promotion", actor=actor, reason="why",
        )  # fmt: skip
        Ledger.open(toy.USE_CASE).append(decision)
    assert [row.actor for row in reversed(rows())] == [*written.values()]
