"""Changed keys, period or label: old rows match nothing, and are never dropped silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.errors import KeysChangedError
from include.lake.lake import Lake
from include.monitoring import monitor
from include.project import open_project
from include.reproduction import reproduce
from include.scoring import score
from include.training import train
from include.use_case import PARTITION
from tests.conftest import AS_OF, LAST
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

pytestmark = pytest.mark.usefixtures("without_plots")
DAY = AS_OF + 1
FEEDS = tuple(replace(feed, columns={**feed.columns, "shop": "int32"}) for feed in USE_CASE.feeds)
ONE_KEY_MORE = replace(USE_CASE, keys=("event_date", "id", "shop"), feeds=FEEDS)
OTHER_PERIOD = replace(USE_CASE, keys=("id",), period=PARTITION)
OTHER_LABEL = replace(USE_CASE, label=replace(USE_CASE.label, name="broke"))


def test_a_day_is_not_scored_with_keys_that_its_features_lack(champion):
    with raises(KeysChangedError, "2020-03-02", "--dag-id toy__data") as refused:
        score.score_period(open_project(ONE_KEY_MORE), DAY)
    assert (refused.value.table, refused.value.columns, refused.value.periods) == ("features", ("shop",), (DAY,))
    assert DAY not in Lake.open(USE_CASE).as_of(LAST).partitions("predictions")


@pytest.mark.parametrize(
    ("use_case", "column"), [(ONE_KEY_MORE, "shop"), (OTHER_PERIOD, "labelled_period"), (OTHER_LABEL, "broke")]
)
def test_a_training_over_days_of_other_keys_or_labels_names_them_instead_of_leaving_their_rows_out(
    champion, use_case, column
):
    with pytest.raises(KeysChangedError) as refused:
        train.train_model(open_project(use_case), LAST, parameters={"num_boost_round": 3})
    assert column in refused.value.columns
    assert len(refused.value.periods) > 20


@pytest.mark.parametrize(("use_case", "column"), [(OTHER_PERIOD, "labelled_period"), (OTHER_LABEL, "broke")])
def test_labels_that_are_there_under_another_declaration_are_not_said_to_be_missing(champion, use_case, column):
    score.score_period(open_project(use_case), DAY)
    with pytest.raises(KeysChangedError) as refused:
        monitor.monitor_period(open_project(use_case), DAY + 2)
    assert (refused.value.table, refused.value.columns) == ("labels", (column,))


@pytest.mark.parametrize("use_case", [ONE_KEY_MORE, OTHER_PERIOD, OTHER_LABEL])
def test_a_version_is_rebuilt_by_the_keys_and_the_label_that_it_was_trained_with(champion, use_case):
    assert reproduce.reproduce_version(open_project(use_case), "1").outcome == "equal"
