"""The page says which version is tried, since when, and how it compares with the champion."""

from __future__ import annotations

from typing import Any

from include.lake.lake import Lake
from include.project import open_project
from include.registry.ledger import Ledger
from include.registry.ledger_entry import LedgerDecision
from include.web import html, ledger_rows, overview, trial_view
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of

START, LAST = 5, 19
HOSTILE = "<script>alert('tried')</script>"


def decide(action: Any, number: int, version: str = "2", reason: str = HOSTILE, **values: Any) -> None:
    Ledger.open(toy.USE_CASE).append(
        LedgerDecision(
            version=version, trees=f"trees{version}", fingerprint=f"print{version}", effective_from=period_of(number),
            action=action, actor="Ann (run 'manual__7')", reason=reason, trial=values,
        )
    )  # fmt: skip


def fill(days: int = LAST + 1, *, tried: bool = True, bounds: bool = True) -> None:
    """Days with a champion; from START on version 2 is tried, and from two days later on compared, 0.004 better."""
    measured.promote(toy.USE_CASE, "1", period_of(0))
    if tried:
        decide("trial", START, share=0)
    for number in range(days):
        period, about = period_of(number), period_of(number - 2)
        rows = [Row("window/log_loss", "model", 0.5, about, "1", 0.4, 0.6)]
        if tried and number >= START + 2:
            ends = (-0.0071, -0.0012) if bounds and number > START + 2 else (None, None)
            rows.append(Row("trial_difference/log_loss", "version 1", -0.008 + 0.001 * (number % 9), about, "2"))
            shown = {"lower": ends[0], "upper": ends[1], "periods": number - START - 1}
            rows.append(Row("trial_window/log_loss", "version 1", -0.004, about, "2", **shown))
        measured.write(Lake.open(toy.USE_CASE), period, rows)


def seen(number: int = LAST):
    return overview.build_overview(open_project(toy.USE_CASE), period_of(number), period_of(number))


def page(number: int = LAST) -> str:
    return html.use_case_page(seen(number), "/airworthy", span=90, chosen=True, several=False)


def test_the_line_has_version_start_labelled_days_difference_and_interval(lake_home):
    fill()
    assert trial_view.trial_text(seen()) == (
        f"Version 2 in shadow since {period_of(START)}, 13 labelled days: log loss −0.004 [−0.0071, −0.0012] against"
        " version 1; below 0 is better."
    )
    assert "end or promote" in page()
    assert 'id="trial"' in page() and "/dags/toy__trial" in page() and HOSTILE not in page()


def test_before_any_label_it_says_what_is_waited_for(lake_home):
    fill(START + 2)
    said = f"Version 2 in shadow since {period_of(START)}; no day of it has labels yet."
    assert trial_view.trial_text(seen(START + 1)) == said
    assert trial_view.trial_chart(seen(START + 1)) == {} and said in page(START + 1)


def test_with_one_labelled_day_there_is_no_interval(lake_home):
    fill(START + 3)
    text = trial_view.trial_text(seen(START + 2))
    assert "1 labelled day: log loss −0.004 against" in text and "[" not in text


def test_a_reason_why_nothing_is_compared_is_shown(lake_home):
    fill(START + 2)
    row = Row(
        "trial_difference/log_loss", "champion", None, period_of(START), "2", missing_reason="It did not score it."
    )
    measured.write(Lake.open(toy.USE_CASE), period_of(START + 2), [row])
    assert trial_view.trial_text(seen(START + 2)).endswith("It did not score it.")


def test_without_a_trial_and_before_it_nothing_is_shown(lake_home):
    fill(tried=False)
    assert trial_view.trial_text(seen()) == "" and 'id="trial"' not in page()
    decide("trial", START, share=0)
    assert trial_view.trial_text(seen(START - 1)) == ""


def test_an_ended_trial_is_shown_with_its_end_while_its_days_are(lake_home):
    fill()
    decide("trial_end", 12)
    assert f"since {period_of(START)} until {period_of(11)}, 13" in trial_view.trial_text(seen())
    assert 'id="trial"' in page() and "end or promote" not in page()
    short = overview.build_overview(open_project(toy.USE_CASE), period_of(LAST), period_of(LAST), 5)
    assert trial_view.trial_text(short) == ""


def test_the_chart_has_both_differences_the_interval_and_zero(lake_home):
    fill()
    drawn = trial_view.trial_chart(seen())["trial"]
    named = {trace["name"]: trace for trace in drawn["data"]}
    assert set(named) == {"95% interval", "one period", "since its start"}
    known = [value for value in named["since its start"]["y"] if value is not None]
    assert known == [-0.004] * (LAST - START - 1)
    assert any(shape["y0"] == shape["y1"] == 0 for shape in drawn["layout"]["shapes"])


def test_ledger_rows_say_when_a_version_was_tried_and_link_its_run(lake_home):
    fill()
    decide("trial_end", 12)

    def rows():
        return ledger_rows.ledger_rows("toy", seen().entries, period_of(LAST))

    assert rows()[1].reign == f"tried in shadow {period_of(START)} to {period_of(11)}"
    assert rows()[0].reign == "" and {row.run for row in rows()[:2]} == {"/dags/toy__trial/runs/manual__7"}
    decide("trial", 13, version="3", share=0)
    assert rows()[0].reign == f"tried in shadow since {period_of(13)}"
    decide("trial_end", 13, version="3")
    assert rows()[1].reign == "tried in no period"
    decide("promotion", 14, as_of=period_of(1).key)
    assert rows()[0].run == "/dags/toy__trial/runs/manual__7"


def test_the_version_of_a_promotion_after_a_trial_has_the_age_of_its_training(lake_home):
    fill()
    decide("promotion", 14, as_of=period_of(1).key)
    champion = seen().champion
    assert (champion.number, champion.as_of, champion.promoted_from) == ("2", period_of(1), (period_of(14),))
