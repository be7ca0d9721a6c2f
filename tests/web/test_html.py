"""The page as HTML: texts for missing data, and escaping of foreign texts."""

import json
import re
from dataclasses import replace
from typing import get_args

import pytest

from include.lake.lake import Lake
from include.monitoring import status
from include.project import open_project
from include.web import html, overview
from tests import places, quarantined, toy
from tests.web import measured
from tests.web.conftest import LAST
from tests.web.measured import Row, period_of


def page(today=LAST, **more) -> str:
    seen = overview.build_overview(open_project(toy.USE_CASE), today, **more)
    return html.use_case_page(seen, "/airworthy", span=90, chosen=False, several=False)


def test_the_page_shows_the_champion_its_performance_and_why_it_was_trained(at_home):
    text = page()
    for said in ("These events are invented.", "version 3", "PSI", "Last decisions", "rejected", "drift__", "age"):
        assert said in text, said


def test_a_hostile_reason_stays_text_in_the_page_and_in_its_figures(lake_home):
    hostile = "</script><script>alert(1)</script>"
    measured.promote(toy.USE_CASE, "1", period_of(0), reason=hostile)
    lake = Lake.open(toy.USE_CASE)
    rows = [
        Row("quarantined_by_reason", hostile, 3, period_of(0), "1"),
        Row("missing_predictions", "predictions", None, period_of(0), None, missing_reason=hostile),
    ]
    measured.write(lake, period_of(0), rows)
    measured.record(lake, "decisions", period_of(0), outcome="hold", reason=hostile, signals="[]", model_version="1")
    text = page(period_of(0))
    assert "<script>alert" not in text and "</script><script>" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 3


def test_no_text_turns_the_direction_of_the_page_or_of_its_figures(lake_home):
    hostile = "\u202eevil\x1b\u2066"
    measured.promote(toy.USE_CASE, "1", period_of(0), reason=hostile)
    rows = [Row(metric, hostile, 0.5, period_of(0), "1", limit=0.2, breached=True) for metric in ("psi", "published")]
    measured.write(Lake.open(toy.USE_CASE), period_of(0), rows)
    text = page(period_of(0))
    figures = json.loads(text.split('id="figures">')[1].split("</script>")[0])
    unseen = {each for each in text + str(figures) if not each.isprintable()}
    assert unseen <= {"\n"}
    assert text.count(r"\u202eevil\x1b\u2066") >= 2


def test_the_page_counts_quarantined_rows_by_what_has_become_of_them(lake_home, monkeypatch):
    assert "open</b>" not in page(period_of(0))
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], quarantined.DAY)
    quarantined.land("events", quarantined.DAY)
    assert "<b>2 open</b>, 0 waiting, 0 replayed" in page(quarantined.DAY)


@pytest.mark.parametrize(
    ("scorer", "words"), [("3", "age</span><b>41 days"), ("1", "scored by</span> version 1, <b>41")]
)
def test_the_age_is_of_the_champion_or_names_the_version_that_it_is_of(lake_home, scorer, words):
    measured.promote(toy.USE_CASE, "3", period_of(0))
    row = Row("staleness", "model", 41, period_of(0), scorer, limit=60, breached=False)
    measured.write(Lake.open(toy.USE_CASE), period_of(0), [row])
    assert words in " ".join(page(period_of(0)).split())


def test_a_link_that_runs_a_script_is_left_out(at_home):
    from dataclasses import replace

    declared = replace(toy.USE_CASE, links={"bad": "javascript:alert(1)", "runbook": "https://example.org/runbook"})
    seen = overview.build_overview(open_project(declared), LAST)
    text = html.use_case_page(seen, "/airworthy", span=90, chosen=False, several=False)
    assert "javascript:" not in text and "https://example.org/runbook" in text


def test_a_use_case_without_runs_says_what_to_do(lake_home):
    text = page(period_of(0))
    for said in ("trigger toy__train", "Unpause <code>toy__monitor</code>", "toy__retrain", "No model was promoted"):
        assert said in text, said


def test_missing_days_are_listed_and_other_measured_days_are_linked(lake_home):
    measured.fill(toy.USE_CASE, range(117, 128))
    text = page(period_of(127))
    assert "Not measured:</b> 2020-04-30 to 2020-05-04" in text
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(127), span=2)
    text = html.use_case_page(seen, "/airworthy", span=30, chosen=False, several=False)
    assert "?period=2020-04-29&amp;span=30" in text


def test_days_on_which_nothing_was_measured_say_which_to_backfill(at_home):
    text = page(LAST, period=period_of(0))
    assert "Nothing was measured in these days" in text and "chart-" not in text


@pytest.mark.parametrize("what", ["metrics", "ledger"])
def test_damage_is_reported_on_the_page_without_a_path_or_a_traceback(lake_home, what):
    measured.fill(toy.USE_CASE, range(2))
    for file in places.files(Lake.open(toy.USE_CASE).root / what):
        if "_delta_log" not in file.uri:
            file.write(b"garbage")
    text = page(period_of(1))
    assert "damaged" in text and "Traceback" not in text and str(lake_home) not in text


def test_of_a_days_drifting_features_there_is_one_row(lake_home):
    rows = [Row("psi", f"f{n}", 0.3 + n / 10, period_of(0), "1", limit=0.2, breached=True) for n in range(5)]
    measured.write(Lake.open(toy.USE_CASE), period_of(0), rows)
    text = page(period_of(0))
    assert re.findall(r"f\d drifts", text) == ["f4 drifts"] and "And 4 more." in text


def test_the_state_of_the_files_is_in_their_addresses(at_home):
    assert f"/airworthy/static/page.css?{html.static_stamp()}" in page()


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        ((0.0, 0.0), "No row was quarantined in the periods that were measured.", "published"),
        (
            (0.0, None),
            f"events of {period_of(1)}: It was refused. No row was quarantined where",
            "periods that were measured.",
        ),
        ((None, None), f"events of {period_of(1)}: It was refused.", "No row was quarantined"),
        ((), "No feed was validated", "No row was quarantined"),
    ],
)
def test_that_nothing_was_quarantined_is_only_said_where_it_is_known(lake_home, values, said, unsaid):
    lake = Lake.open(toy.USE_CASE)
    for number in range(2):
        period, rows = period_of(number), [Row("psi", "size", 0.1, period_of(number), "1")]
        if values:
            missing_reason = "" if values[number] == 0 else "It was refused."
            rows.append(Row("quarantined", "events", values[number], period, "1", missing_reason=missing_reason))
        measured.write(lake, period, rows)
    text = page(period_of(1))
    panel = text[text.index("Quarantined rows by reason") :].split("</section>")[0]
    assert said in panel and unsaid not in panel


def test_the_model_card_and_the_validation_page_are_links(at_home):
    text = page()
    assert '<a href="/airworthy/card/toy/3">model card, version 3<' in text
    assert '<a href="/airworthy/validation/toy">validation<' in text and "Data Docs" not in text


def test_data_docs_are_a_link_where_they_are_written(at_home, configure):
    configure(write_data_docs="true")
    assert '<a href="/airworthy/data_docs/toy/index.html">Data Docs<' in page()


@pytest.mark.parametrize("address", ["postgresql://db/mlflow", "https://mlflow.example.org/m/?token=secret"])
def test_only_an_address_that_a_browser_opens_is_on_the_page_and_without_what_may_be_secret(
    at_home, configure, address
):
    configure(mlflow=address)
    text = page()
    assert "secret" not in text and "postgresql" not in text
    assert ("https://mlflow.example.org/m/#/models/toy/versions/3" in text) == address.startswith("https")


def test_the_index_shows_the_others_where_one_use_case_is_broken(at_home):
    text = html.index_page(
        [overview.build_overview(open_project(toy.USE_CASE), LAST)], "/airworthy", {"odd<one>": "half <written>"}
    )
    assert (
        "2 use cases" in text
        and "odd&lt;one&gt;" in text
        and "half &lt;written&gt;" in text
        and "/use_case/toy" in text
    )


def test_the_index_begins_with_what_a_person_must_look_at(at_home):
    one = overview.build_overview(open_project(toy.USE_CASE), LAST)
    named = {
        name: replace(
            one, use_case=replace(toy.USE_CASE, name=name.replace(" ", "_")), status=replace(one.status, name=name)
        )
        for name in reversed(status.URGENCY)
    }
    text = html.index_page([*named.values()], "/airworthy", {"lost": "unreadable"})
    order = re.findall(r'<span class="badge">([a-z ]+)<', text)
    assert order == ["damaged", *status.URGENCY]
    assert set(status.URGENCY) == set(get_args(status.Name))
    assert f"{len(order)} use cases, {len(order) - len(status.QUIET)} of them to look at" in text


def test_a_use_case_that_never_ran_is_not_shown_as_one_that_fails(lake_home):
    never = page(period_of(0))
    assert '<section class="state not-started" id="state">' in never and ">not started</span>" in never
    measured.write(Lake.open(toy.USE_CASE), period_of(0), [Row("rows", "features", 880, period_of(0), "1")])
    started = page(period_of(0))
    assert '<section class="state no-model" id="state">' in started and ">no model</span>" in started


def test_only_the_first_of_several_decisions_to_hold_is_shown_whole(lake_home):
    measured.promote(toy.USE_CASE, "1", period_of(0))
    lake = Lake.open(toy.USE_CASE)
    for number, outcome in enumerate(("retrain", "hold", "hold")):
        reason = f"No signal of {number} triggers. Model age of {number} did not breach 60.5 days."
        measured.record(
            lake, "decisions", period_of(number), outcome=outcome, reason=reason, signals="[]", model_version="1"
        )
    shown = page(period_of(2))
    assert "<td>No signal of 2 triggers. Model age of 2 did not breach 60.5 days." in shown
    folded = "<details><summary>No signal of 1 triggers.</summary>Model age of 1 did not breach 60.5 days.</details>"
    assert folded in shown
    assert "<td>No signal of 0 triggers. Model age" in shown, "a decision to train is always whole"
