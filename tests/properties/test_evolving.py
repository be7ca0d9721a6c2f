"""A declaration that changes during the life cycle: features and columns come and go, numbers get fractions.

The customers are declared as before until 27 April 2025. From the next day on they are declared as in `grown` (one more
feature and feed column, int32 become float64), or as in `shrunk` (in addition, one feature and its column are dropped).
"""

from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pytest

from include.declaration.period import Period, period_range
from include.errors import InvalidRequestError
from include.lake.lake import Lake
from include.monitoring import monitor
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.reproduction import reproduce
from include.scoring import score
from include.training import train
from include.use_case import UseCase
from tests.conftest import draw_nothing, move, moved_into
from tests.customers_use_case import grown, shrunk
from tests.customers_use_case.grown.source import FRACTION
from tests.properties.orders import contents, make_champion, run_days, score_and_measure, versions
from tests.toys import CUSTOMERS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]

BEFORE, GROWN, SHRUNK = CUSTOMERS.use_case, grown.USE_CASE, shrunk.USE_CASE
OLD, NEW = period_range(CUSTOMERS.as_of, Period("2025-04-27")), period_range(grown.CHANGED_ON, Period("2025-05-02"))
"""The days that are run as declared before, and those that are run as declared later."""
OPEN = NEW[1]
BACKFILLED = OLD[0]


@pytest.fixture(scope="module")
def lived(tmp_path_factory, homes) -> Path:
    """The home of a champion that has scored some days, declared as before; not written to."""
    home = tmp_path_factory.mktemp("lived") / "home"
    with moved_into(homes.champion(CUSTOMERS), home) as patch:
        draw_nothing(patch)
        run_days(BEFORE, OLD)
        score_and_measure(BEFORE, OLD)
    return home


@pytest.fixture(scope="module")
def changed(tmp_path_factory, lived) -> Callable[[UseCase], Path]:
    """That home, in which the new days were then run as the use case is declared now, in any order."""
    homes: dict[str, Path] = {}

    def made(use_case: UseCase) -> Path:
        if use_case.package not in homes:
            home = tmp_path_factory.mktemp("changed") / "home"
            with moved_into(lived, home):
                run_days(use_case, [NEW[2], NEW[0], NEW[4], NEW[1], NEW[3]])
            homes[use_case.package] = home
        return homes[use_case.package]

    return made


@pytest.fixture
def now(request, changed, lake_home, monkeypatch) -> UseCase:
    """The use case as it is declared now, in a copy of its home as the test's own."""
    move(changed(request.param), lake_home, monkeypatch)
    return request.param


both = pytest.mark.parametrize("now", [GROWN, SHRUNK], indirect=True, ids=["grown", "shrunk"])
only_grown = pytest.mark.parametrize("now", [GROWN], indirect=True, ids=["grown"])
only_shrunk = pytest.mark.parametrize("now", [SHRUNK], indirect=True, ids=["shrunk"])


@both
def test_new_days_hold_what_is_declared_now_and_old_ones_what_they_held(now):
    view = Lake.open(now).as_of(NEW[-1])
    for table in ("raw/visits", "checked/visits"):
        rows = view.read(table, since=OPEN, until=OPEN)
        assert set(pc.unique(pc.subtract(rows["items"], pc.floor(rows["items"]))).to_pylist()) == {None, FRACTION}
        assert rows["discount"].null_count == 0
        old = view.read(table, since=BACKFILLED, until=BACKFILLED)
        assert old["discount"].null_count == old.num_rows > 0
        assert old["items"].to_pylist() == BEFORE.function("source", "visits")(BACKFILLED)["items"].to_pylist()
    rows = view.read("features", since=OPEN, until=OPEN)
    assert set(now.features) < set(rows.column_names)
    sums = rows["items_14d"].drop_null()
    assert pc.any(pc.not_equal(sums, pc.floor(sums))).as_py(), "fractions are kept"
    assert 0 < rows["discounts"].null_count < rows.num_rows


@both
def test_the_same_days_again_commit_nothing(now):
    before = versions(now)
    run_days(now, NEW[::-1])
    assert versions(now) == before


@both
def test_old_days_run_as_declared_now_are_complete_and_commit_nothing_the_second_time(now):
    run_days(now, [BACKFILLED])
    before = versions(now)
    run_days(now, [BACKFILLED])
    assert versions(now) == before
    view = Lake.open(now).as_of(NEW[-1])
    assert view.partitions("features")[BACKFILLED].rows == len(BEFORE.function("source", "customers")(BACKFILLED))
    assert set(now.features) < set(view.read("features", since=BACKFILLED, until=BACKFILLED).column_names)


@both
def test_the_order_of_new_days_and_of_old_ones_run_again_does_not_matter(
    now, changed, tmp_path, monkeypatch, configure
):
    run_days(now, [BACKFILLED, NEW[-1]])
    first = contents(now)
    configure(home=tmp_path / "other")
    move(changed(now), tmp_path / "other", monkeypatch)
    run_days(now, [NEW[-1], BACKFILLED, *NEW])
    assert contents(now) == first


@only_grown
def test_a_champion_that_lacks_nothing_goes_on_scoring_and_is_measured(now):
    score_and_measure(now, NEW)
    view = Lake.open(now).as_of(NEW[-1])
    assert {score.scoring_version(view, period) for period in NEW} == {"1"}
    metrics = view.read("metrics", since=NEW[-1]).to_pylist()
    (loss,) = [row for row in metrics if (row["metric"], row["subject"]) == ("window/log_loss", "model")]
    assert loss["value"] is not None and loss["value"] < 0.2


@only_shrunk
def test_a_champion_that_lacks_a_feature_is_refused_in_words(now):
    with pytest.raises(InvalidRequestError, match="âge"):
        score.score_period(open_project(now), OPEN)
    for table in ("predictions", "metrics"):
        assert OPEN not in Lake.open(now).as_of(OPEN).partitions(table)
    measured = monitor.monitor_period(open_project(now), OPEN)
    assert measured.version is None


@both
def test_a_model_of_the_new_declaration_is_trained_promoted_and_scores(now):
    period = NEW[-1]
    trained = train.train_model(open_project(now), period)
    assert dict(Registry(now).get_run(trained.run_id).data.params)
    make_champion(now, period)
    score_and_measure(now, [period])
    assert score.scoring_version(Lake.open(now).as_of(period), period) == "2"


@both
def test_the_old_version_is_rebuilt_also_after_a_new_one_and_a_backfill(now):
    assert reproduce.reproduce_version(open_project(now), "1").outcome == reproduce.EQUAL
    run_days(now, [BACKFILLED])
    make_champion(now, NEW[-1])
    assert reproduce.reproduce_version(open_project(now), "1").outcome == reproduce.EQUAL
    assert reproduce.reproduce_version(open_project(now), "2").outcome == reproduce.EQUAL
