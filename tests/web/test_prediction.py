"""The page of one prediction: contributions, label and lineage, with any text from outside escaped."""

import html as escaping
import re
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from include.errors import InvalidRequestError
from include.project import open_project
from include.reproduction.explain import FeatureEffect, Spread, explain_prediction
from include.scoring import score
from include.web import prediction
from tests.conftest import move
from tests.refusals import raises
from tests.toys import EVENTS, GRADES
from tests.web.conftest import LAST

HOSTILE = "<script>alert('x')</script>\x1b[31m\u202e=\"&é"


@pytest.fixture(params=[EVENTS, GRADES], ids=lambda toy: toy.use_case.name)
def scored(request, lake_home, homes, monkeypatch):
    move(homes.champion(request.param), lake_home, monkeypatch)
    score.score_period(open_project(request.param.use_case), request.param.as_of)
    return request.param


def page_of(toy, found=None, rows=()) -> str:
    return prediction.prediction_page(toy.use_case, toy.as_of, "/airworthy", found, rows)


def explained(toy):
    row = prediction.listed_rows(open_project(toy.use_case), toy.as_of)[0]
    given = [value for name, value in parse_qsl(row.query) if name == "key"]
    return explain_prediction(open_project(toy.use_case), toy.as_of, prediction.parse(given))


@pytest.mark.slow
def test_without_keys_the_highest_predictions_are_listed_with_addresses_that_lead_to_them(scored):
    rows = prediction.listed_rows(open_project(scored.use_case), scored.as_of)
    assert len(rows) == prediction.ROWS
    assert escaping.escape(rows[0].query) in page_of(scored, rows=rows)
    assert explained(scored).lineage.predicted == rows[0].predicted


@pytest.mark.slow
def test_the_page_has_every_feature_the_label_and_the_lineage(scored):
    found = explained(scored)
    page = page_of(scored, found)
    for effect in found.effects:
        assert f"<td>{effect.name}</td>" in page or f">{effect.name}</td>" in page
        assert f"{effect.contributions[found.chosen]:+.4f}" in page
    assert found.lineage.prediction.digest in page and found.lineage.run_id in page
    assert scored.use_case.label.name in page


@pytest.mark.slow
def test_a_text_from_outside_is_shown_and_never_run(scored):
    found = explained(scored)
    spread = Spread((HOSTILE, "null"), (0.5, 0.5), 0)
    effect = FeatureEffect(HOSTILE, HOSTILE, found.effects[0].contributions, spread)
    lineage = replace(found.lineage, keys=dict.fromkeys(found.lineage.keys, HOSTILE), predicted=HOSTILE)
    page = page_of(scored, replace(found, effects=(effect,), lineage=lineage, label=HOSTILE, notes=(HOSTILE,)))
    assert "<script>alert" not in page and "\x1b" not in page and "\u202e" not in page
    assert "&lt;script&gt;" in page
    (command,) = re.findall(r"<code>(airworthy lineage .*?)</code>", page)
    assert "'\"'\"'" in escaping.unescape(command), "a shell reads the quote as part of the value"


def test_the_query_of_a_row_with_any_text_is_read_back_as_it_was():
    keys = {"id": HOSTILE, "on": "a=b&key=c", "digest": "YQ=="}
    query = prediction.query_of(EVENTS.as_of, keys)
    given = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "key"]
    assert prediction.parse(given) == keys


@pytest.mark.parametrize("given", [["id"], ["id=1", "id=2"]])
def test_a_key_in_another_form_or_twice_is_refused(given):
    with raises(InvalidRequestError):
        prediction.parse(given)


def test_a_use_case_without_any_prediction_says_what_to_do(lake_home):
    assert prediction.listed_rows(open_project(EVENTS.use_case), EVENTS.as_of) == []
    assert "toy__score" in page_of(EVENTS)


@pytest.mark.slow
def test_the_page_is_served_to_those_who_may_read_the_use_case(server):
    address = f"/airworthy/use_case/toy/prediction?period={LAST}"
    with server.client("vera") as viewer, server.client("norman") as stranger, server.client() as anonymous:
        answer = viewer.get(address)
        assert answer.status_code == 200 and "There are no predictions" in answer.text
        refused = viewer.get(f"{address}&key=id%3D{'1'}&key=event_date%3D{LAST}")
        assert refused.status_code == 404 and "there are no predictions" in refused.text
        assert viewer.get("/airworthy/use_case/toy/prediction?period=nonsense").status_code == 422
        assert stranger.get(address).status_code == 404
        assert anonymous.get(address).status_code in (401, 302, 307)
