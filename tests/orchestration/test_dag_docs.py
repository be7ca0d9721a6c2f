"""The documentation of a DAG: rendered from the template of its kind and the declaration of its use case."""

from dataclasses import replace
from datetime import timedelta

import pytest

from include.declaration.landing import LandingBucket
from include.orchestration.dag_docs import render_dag_documentation
from include.use_case import Gate
from tests.toy_use_case import USE_CASE


def test_the_description_is_the_first_line_of_the_documentation():
    documentation = render_dag_documentation(USE_CASE, "score")
    assert documentation.description == "Each day at 00:00 UTC: score with the champion of that day."
    assert documentation.markdown.startswith(f"**{documentation.description}**\n")


def test_the_training_page_lists_every_gate_or_says_that_none_is_declared():
    gates = (Gate("auc", at_least=0.8), Gate("log_loss", at_most=0.5))
    listed = render_dag_documentation(replace(USE_CASE, gates=gates), "train").markdown
    assert all(f"\n* {gate}\n" in listed for gate in gates)
    assert "no model is ever promoted" not in listed
    assert "no model is ever promoted" in render_dag_documentation(replace(USE_CASE, gates=()), "train").markdown


def test_the_data_page_describes_deliveries_only_where_files_are_delivered():
    assert "wait_for_<feed>" not in render_dag_documentation(USE_CASE, "data").markdown
    feed = USE_CASE.feeds[0]
    landing = LandingBucket("bucket", f"{feed.name}/{{period}}/", wait=timedelta(hours=3))
    delivered = replace(USE_CASE, feeds=(replace(feed, source=landing), *USE_CASE.feeds[1:]))
    assert f"* `{feed.name}`: `s3://bucket/" in (text := render_dag_documentation(delivered, "data").markdown)
    assert "3:00:00 after" in text


@pytest.mark.parametrize("notice", ["", "Replayed data."])
def test_a_notice_is_quoted_where_the_use_case_has_one(notice):
    text = render_dag_documentation(replace(USE_CASE, notice=notice), "score").markdown
    assert ("\n> " in text) == bool(notice)
    assert notice in text
