"""The list of every stored metric."""

from include.lake.lake import Lake
from include.lake.range_reader import RangeReader
from include.monitoring.definitions import MONITORING_METRICS
from include.monitoring.metric_table import MetricTable
from include.web import stored_metrics
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of


def table() -> MetricTable:
    rows = RangeReader.open(Lake.open(toy.USE_CASE), "metrics", period_of(400)).rows()
    return MetricTable(rows, toy.USE_CASE.calendar)


def test_every_stored_metric_and_subject_is_in_the_list(lake_home):
    measured.fill(toy.USE_CASE, range(40, 43))
    stored = {(row["metric"], row["subject"]) for row in table().rows.to_pylist()}
    listed = {(each.metric, each.subject) for group in stored_metrics.list_metrics(table()) for each in group.subjects}
    assert listed == stored and len(stored) > 30


def test_a_subject_has_its_newest_value_its_range_and_its_breaches(lake_home):
    lake = Lake.open(toy.USE_CASE)
    for number, (value, breached) in enumerate(((0.1, False), (0.9, True), (0.4, False), (None, None))):
        reason = "" if value else "No rows."
        row = Row("psi", "size", value, period_of(number), "1", limit=0.5, breached=breached, missing_reason=reason)
        measured.write(lake, period_of(number), [row])
    (group,) = stored_metrics.list_metrics(table())
    (found,) = group.subjects
    assert (found.values, found.breaches, found.newest, found.least, found.greatest) == (3, 1, 0.4, 0.1, 0.9)
    assert (found.limit, found.missing_reason) == (0.5, "No rows.")
    assert group.meaning == MONITORING_METRICS["psi"].meaning


def test_subjects_with_breaches_are_first_and_categories_are_in_order_of_severity(lake_home):
    rows = [
        Row("psi", "a", 0.1, period_of(0), "1", limit=0.5, breached=False),
        Row("psi", "z", 0.9, period_of(0), "1", limit=0.5, breached=True),
        Row("window/log_loss", "model", 0.9, period_of(0), "1"),
    ]
    measured.write(Lake.open(toy.USE_CASE), period_of(0), rows)
    groups = stored_metrics.list_metrics(table())
    assert [group.metric for group in groups] == ["window/log_loss", "psi"]
    assert [each.subject for each in groups[1].subjects] == ["z", "a"]


def test_a_metric_that_is_no_longer_defined_is_listed_as_such(lake_home):
    measured.write(Lake.open(toy.USE_CASE), period_of(0), [Row("removed_long_ago", "x", 1.0, period_of(0), "1")])
    (group,) = stored_metrics.list_metrics(table())
    assert group.category == "former" and "no longer" in group.meaning


def test_no_metric_makes_an_empty_list(lake_home):
    assert stored_metrics.list_metrics(table()) == []


def test_the_key_of_a_subject_is_short_and_differs():
    keys = {stored_metrics.subject_key(subject) for subject in ("a", "b", "a" * 5000, "\ud800", "größe")}
    assert len(keys) == 5 and all(len(key) == 12 for key in keys)
