"""One feature: its distributions, numbers and metrics, and what cannot be read."""

import statistics

import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.project import open_project
from include.web import detail_charts, feature_view
from include.web.date_range import DateRange
from include.web.feature_view import FeatureView
from include.web.history import read_history
from tests import toy
from tests.toy_use_case import source
from tests.web import detailed, measured
from tests.web.measured import period_of

LAST = period_of(3)


def view(name: str, last: Period = LAST, span: int = 4) -> FeatureView:
    project = open_project(toy.USE_CASE)
    history = read_history(project, DateRange(last, span, is_free=True), only=[name])
    return feature_view.build_feature_view(project, history, name)


@pytest.fixture
def filled(lake_home):
    measured.fill(toy.USE_CASE, range(4))
    detailed.fill(lake_home, range(2, 4))


def test_a_numbers_rows_are_counted_in_the_bins_of_the_training(filled):
    found = view("hour")
    shares = found.distribution
    assert shares and shares.reference and shares.current
    assert sum(shares.reference) == pytest.approx(1) and sum(shares.current) == pytest.approx(1)
    bins = detailed.toy_profile().features["hour"].bins
    counts = bins.count(source.everything(LAST)["hour"])
    assert shares.current[0] == pytest.approx(counts[0] / source.ROWS)
    assert shares.labels[0] == f"below {bins.edges[0]:.4g}"
    assert (found.period, found.version, found.rows, found.problems) == (LAST, "1", source.ROWS, ())


def test_a_category_that_the_training_did_not_have_is_counted_as_unseen(filled):
    shares = view("kind").distribution
    assert shares and shares.current
    by_name = dict(zip(shares.labels, shares.current, strict=True))
    kinds = source.everything(LAST)["kind"].to_pylist()
    (unknown,) = set(source.KINDS.tolist()) - set(detailed.KINDS)
    assert by_name["unseen"] == pytest.approx(kinds.count(unknown) / len(kinds))


def test_the_numbers_of_the_period_are_next_to_those_of_the_training(filled):
    numbers = {name: (then, now) for name, then, now in view("size").statistics}
    rows = source.everything(LAST)["size"]
    assert numbers["rows"] == ("200", "200")
    assert numbers["no value"][1] == f"{rows.null_count / 200:.2%}"
    assert float(numbers["median"][1]) == pytest.approx(statistics.median(rows.drop_null().to_pylist()), rel=1e-4)
    assert float(numbers["smallest"][1]) <= float(numbers["lower quartile"][1]) <= float(numbers["largest"][1])


def test_the_rows_are_those_of_the_newest_period_of_the_range_with_features(filled):
    assert view("size", period_of(2)).period == period_of(2)
    assert view("size", period_of(1), 2).distribution is not None, "the training alone"
    assert view("size", period_of(1), 2).period is None


def test_without_a_reference_the_period_is_shown_in_bins_of_its_own_and_the_reason_is_said(lake_home):
    measured.fill(toy.USE_CASE, range(4))
    toy.fill(Lake.open(toy.USE_CASE), LAST, LAST)
    for name in toy.USE_CASE.features:
        found = view(name)
        assert found.distribution and found.distribution.reference is None
        assert found.distribution.current and sum(found.distribution.current) == pytest.approx(1)
        assert any("Version 1 has no reference distribution" in problem for problem in found.problems)


def test_without_features_or_metrics_there_is_nothing_to_draw(lake_home):
    found = view("size")
    assert found.distribution is None and found.statistics == () and found.version == ""


def test_the_chart_of_a_distribution_names_both_samples(filled):
    found = view("kind")
    assert found.distribution
    figure = detail_charts.distribution_chart(found.distribution, str(found.period), found.version)
    assert [trace["name"] for trace in figure["data"]] == ["training of version 1", str(LAST)]
