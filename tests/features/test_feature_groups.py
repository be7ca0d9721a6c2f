"""A feature group is built once, and use cases join its rows as they were known at a period's decision time."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.declaration import feature_group_discovery, use_case_discovery
from include.declaration.calendars import Daily
from include.declaration.feature_groups import known_period
from include.declaration.period import LATEST, Period
from include.errors import InvalidRequestError
from include.features import build
from include.features.staleness import find_stale
from include.ingestion import ingest, validate
from include.lake import history
from include.lake.lake import Lake
from include.lake.lake_format import LakeFormatError
from include.model import lightgbm_params
from include.project import DataProject, Project, open_data_project, open_project
from include.registry import code_digest
from include.training.recipe import TrainingSpec
from include.training.spec import TrainingInputs
from include.use_case import PARTITION, Feature, Use
from tests.refusals import invalid
from tests.sharing.feature_groups.kind_quality import FEATURE_GROUP, source

pytestmark = pytest.mark.slow

DAY = Period("2020-01-03")
GROUP_FEATURES = "_feature_groups/kind_quality/features"


@pytest.fixture(autouse=True)
def sharing(lake_home, configure):
    configure(use_case_packages="tests.sharing.use_cases", feature_group_packages="tests.sharing.feature_groups")


@pytest.fixture
def orders() -> Project:
    return open_project(use_case_discovery.load_use_case("orders"))


@pytest.fixture
def repairs() -> Project:
    return open_project(use_case_discovery.load_use_case("repairs"))


@pytest.fixture
def group() -> DataProject:
    return open_data_project(use_case_discovery.load_declaration("feature_group_kind_quality"))


def rows_of(project: Project, period: Period = DAY) -> list[dict]:
    return project.lake.as_of(period).read("features", period, period).to_pylist()


def digests(project: Project, table: str = "features") -> dict[Period, str]:
    return {period: one.digest for period, one in project.lake.as_of(LATEST).partitions(table).items()}


def stale_periods(project: Project) -> dict[str, list[tuple[Period, str]]]:
    return {
        found.table: [(each.period, each.reason) for each in found.stale]
        for found in find_stale(project, reread=True)
        if found.stale
    }


def more_defects(period: Period) -> pa.Table:
    rows = honest(period)
    return rows.set_column(2, "defects", pc.add(rows["defects"], pa.scalar(1, pa.int32())).cast(pa.int32()))


honest = source.inspections


def test_a_row_gets_the_features_of_its_period_and_nulls_without_a_match(orders):
    build.build_features(orders, DAY)
    found = {row["kind"]: row for row in rows_of(orders)}
    expected = {row["kind"]: row["defects"] for row in source.inspections(DAY).to_pylist()}
    assert {kind: row["defects"] for kind, row in found.items()} == {**expected, "screw": None}
    days = [source.inspections(DAY - ago).to_pylist()[0]["defects"] for ago in range(3)]
    assert found["bolt"]["recent_defects"] == pytest.approx(sum(days) / 3)


def test_rows_stay_in_the_order_of_their_keys_and_none_is_lost(orders):
    build.build_features(orders, DAY)
    assert [row["id"] for row in rows_of(orders)] == list(range(200))


def test_a_group_is_built_once_and_used_by_two_use_cases(orders, repairs, group, monkeypatch):
    called: list[Period] = []
    monkeypatch.setattr(source, "inspections", lambda period: called.append(period) or honest(period))
    build.build_features(orders, DAY)
    version = group.lake.delta("features").version()
    build.build_features(repairs, DAY)
    assert sorted(called) == [DAY - 2, DAY - 1, DAY]
    assert group.lake.delta("features").version() == version
    recent = {row["id"]: row["recent_defects"] for row in rows_of(orders)}
    assert {row["id"]: row["kind_recent_defects"] for row in rows_of(repairs)} == recent
    assert "defects" not in rows_of(repairs)[0]


def test_any_order_of_runs_ends_with_the_same_content(orders, repairs, group, lake_home, configure):
    for project, period in [(orders, DAY), (group, DAY), (repairs, DAY - 1), (orders, DAY - 1), (repairs, DAY)]:
        build.build_features(project, period)
    first = [digests(project) for project in (orders, repairs)]
    configure(lake=lake_home / "other")
    again = {
        name: open_data_project(project.use_case) for name, project in [("o", orders), ("r", repairs), ("g", group)]
    }
    for name, period in [("g", DAY), ("g", DAY - 1), ("r", DAY), ("o", DAY - 1), ("o", DAY), ("r", DAY - 1)]:
        build.build_features(again[name], period)
    assert [digests(again[name]) for name in "or"] == first
    built = digests(again["g"])
    assert {period: built[period] for period in digests(group)} == digests(group)


def test_a_rerun_commits_nothing(orders, group):
    build.build_features(orders, DAY)
    versions = [project.lake.delta("features").version() for project in (orders, group)]
    assert not build.build_features(orders, DAY).changed
    assert not build.build_features(group, DAY).changed
    assert [project.lake.delta("features").version() for project in (orders, group)] == versions


def test_a_later_period_of_the_group_changes_nothing(orders, group, monkeypatch):
    build.build_features(orders, DAY)
    before = digests(orders)
    monkeypatch.setattr(source, "inspections", more_defects)
    build.build_features(group, DAY + 1)
    assert not build.build_features(orders, DAY).changed
    assert digests(orders) == before
    assert stale_periods(orders) == {}


def test_a_commit_names_the_version_and_the_digest_of_the_group(orders, group):
    build.build_features(orders, DAY)
    note = orders.lake.as_of(DAY).note("features", DAY)
    assert note.versions[GROUP_FEATURES] == group.lake.delta("features").version()
    assert note.inputs[GROUP_FEATURES] == group.lake.as_of(DAY).digest_of_periods("features", DAY, DAY)


def test_a_correction_of_the_groups_feed_makes_the_dependent_use_cases_stale(orders, repairs, group, monkeypatch):
    for project in (orders, repairs):
        build.build_features(project, DAY)
        assert stale_periods(project) == {}
    monkeypatch.setattr(source, "inspections", more_defects)
    ingest.ingest_period(group, DAY)
    validate.validate_period(group, DAY)
    assert stale_periods(group) == {"features": [(DAY, "other inputs")]}
    build.build_features(group, DAY)
    for project in (orders, repairs):
        assert stale_periods(project) == {"features": [(DAY, "other inputs")]}
        build.build_features(project, DAY)
        assert stale_periods(project) == {}


def test_quarantined_rows_of_a_group_reach_no_use_case(orders, group, monkeypatch):
    def negative(period: Period) -> pa.Table:
        rows = honest(period)
        return rows.set_column(2, "defects", pa.array([-1, 2, 3], pa.int32()))

    monkeypatch.setattr(source, "inspections", negative)
    replaced = replace(FEATURE_GROUP, feeds=(replace(FEATURE_GROUP.feeds[0], max_quarantined=0.5),))
    monkeypatch.setattr("tests.sharing.feature_groups.kind_quality.FEATURE_GROUP", replaced)
    build.build_features(orders, DAY)
    found = {row["kind"]: row["defects"] for row in rows_of(orders)}
    assert found == {"bolt": None, "nut": 2, "rivet": 3, "screw": None}


def test_a_group_has_no_tables_but_those_of_its_feeds_and_features(orders, group):
    build.build_features(orders, DAY)
    names = {"raw/inspections", "checked/inspections", "features"}
    assert {name for name in ("labels", "predictions", *names) if history.is_table(group.lake.uri(name))} == names
    with pytest.raises(KeyError):
        group.lake.delta("labels")


def test_the_use_of_a_group_is_part_of_the_code_digest_of_features_alone(orders):
    declared = orders.use_case
    other = replace(declared, feature_groups=(Use("kind_quality", on=("kind",), prefix="quality_"),))
    digest = code_digest.table_code_digest
    assert digest(other, "features") != digest(declared, "features")
    assert digest(other, "labels") == digest(declared, "labels")


def test_a_description_makes_nothing_stale(orders):
    declared = orders.use_case
    described = declared.features | {"size": Feature("float64", description="Length in mm.", owner="metrology")}
    other = replace(declared, features=described)
    assert other.features["size"].owner == "metrology"
    assert code_digest.table_code_digest(other, "features") == code_digest.table_code_digest(declared, "features")


def test_the_declaration_of_a_past_training_reads_the_joined_features(orders):
    declared = orders.use_case
    made_from = TrainingInputs(
        as_of=DAY,
        first=DAY,
        last=DAY,
        parameters=lightgbm_params.merge_parameters(declared, None),
        data={},
        code="",
        commit="",
        lock="",
        processor="",
        declaration="",
    )
    spec = TrainingSpec.from_inputs(declared, made_from)
    assert spec.as_declared_then(declared).features == declared.features


@pytest.mark.parametrize(
    ("group_zone", "use_case_zone", "known"),
    [
        ("UTC", "UTC", DAY),
        ("Europe/Berlin", "Europe/Berlin", DAY),
        ("Asia/Tokyo", "UTC", DAY),
        ("America/New_York", "UTC", DAY - 1),
        ("UTC", "America/New_York", DAY),
        ("Pacific/Kiritimati", "Pacific/Honolulu", DAY + 1),
        ("Pacific/Honolulu", "Pacific/Kiritimati", DAY - 1),
    ],
)
def test_the_newest_period_of_the_group_that_has_begun_at_the_decision_time_is_known(
    group_zone, use_case_zone, known, orders
):
    declared = replace(orders.use_case, feature_groups=(), time_zone=use_case_zone)
    assert known_period(replace(FEATURE_GROUP, time_zone=group_zone), declared, DAY) == known


@pytest.mark.parametrize(
    ("group_at", "use_case_at", "known"), [(time(6), time(), DAY - 1), (time(), time(6), DAY), (time(6), time(6), DAY)]
)
def test_a_period_of_the_group_that_is_decided_later_in_the_day_is_not_known(group_at, use_case_at, known, orders):
    declared = replace(orders.use_case, feature_groups=(), calendar=Daily(at=use_case_at))
    assert known_period(replace(FEATURE_GROUP, calendar=Daily(at=group_at)), declared, DAY) == known


def test_a_group_whose_feeds_name_periods_of_another_calendar_is_refused():
    [feed] = FEATURE_GROUP.feeds
    with invalid("feeds[0]"):
        replace(FEATURE_GROUP, feeds=(replace(feed, missing_periods=frozenset({Period("2020-W02-1")})),))


USE, IS_FEATURE = Use("kind_quality", on=("kind",)), "feature_groups[0].features"


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"feature_groups": (Use("kind_qualty", on=("kind",)),)}, ["feature_groups[0]"]),
        ({"feature_groups": (Use("kind_quality", on=("kind",), features=("defect",)),)}, [IS_FEATURE]),
        ({"feature_groups": (Use("kind_quality", on=("kind", "id")),)}, ["feature_groups[0].on"]),
        ({"feature_groups": (Use("kind_quality", on=("id",)),)}, ["feature_groups[0].on"]),
        ({"feature_groups": (Use("kind_quality", on=("colour",)),)}, ["feature_groups[0].on"]),
        ({"feature_groups": (USE, USE)}, ["feature_groups[1].features"]),
        ({"feature_groups": (USE,), "features": {"kind": "category", "defects": "int8"}}, [IS_FEATURE]),
        ({"feature_groups": (USE,), "first_period": Period("2019-12-31")}, ["feature_groups[0]"]),
        ({"feature_groups": (USE,), "time_zone": "America/New_York", "first_period": Period("2019-12-31")},
         ["feature_groups[0]"]),
    ],
)  # fmt: skip
def test_a_use_that_cannot_work_is_refused(change, paths, orders):
    plain = replace(orders.use_case, feature_groups=(), features=orders.use_case.own_features)
    with invalid(*paths):
        replace(plain, **change)


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"description": " "}, ["description"]),
        ({"features": {"defects": "int32"}}, ["features['defects']"]),
        ({"name": "Kinds"}, ["name"]),
        ({"keys": ("inspected_on",)}, ["keys"]),
        ({"period": ""}, ["period"]),
    ],
)
def test_a_group_that_cannot_be_is_refused(change, paths):
    with invalid(*paths):
        replace(FEATURE_GROUP, **change)


def test_a_use_case_may_not_have_the_name_of_a_groups_dags(orders):
    with invalid("name"):
        replace(orders.use_case, name="feature_group_orders")


def test_a_group_without_a_period_among_its_keys_is_joined_by_all_of_them():
    assert replace(FEATURE_GROUP, period=PARTITION, keys=("kind",)).entity_keys == ("kind",)


def test_a_broken_group_does_not_affect_another(tmp_path, monkeypatch, configure):
    folder = tmp_path / "shared_features"
    (folder / "broken").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "broken" / "__init__.py").write_text("import no_such_library\n")
    (folder / "sound").mkdir()
    (folder / "sound" / "__init__.py").write_text(
        "from dataclasses import replace\nfrom tests.sharing.feature_groups.kind_quality import FEATURE_GROUP as KIND\n"
        "FEATURE_GROUP = replace(KIND, name='sound')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    configure(feature_group_packages="shared_features")
    groups, broken = feature_group_discovery.discover()
    assert (list(groups), list(broken)) == (["sound"], ["broken"])


def test_the_command_line_runs_the_data_of_a_group_and_nothing_else(group):
    first = CliRunner().invoke(app, ["run", group.use_case.name, "data", "--from", DAY.key, "--to", DAY.key])
    assert first.exception is None, first.output
    assert list(digests(group)) == [DAY]
    refused = CliRunner().invoke(app, ["run", group.use_case.name, "train", "--from", DAY.key, "--to", DAY.key])
    assert isinstance(refused.exception, InvalidRequestError)


def test_a_lake_of_another_format_names_the_command_that_upgrades_the_group(group, lake_home):
    folder = lake_home / "lake" / "_feature_groups" / "kind_quality"
    folder.mkdir(parents=True)
    (folder / "format.json").write_text('{"format": 1}')
    with pytest.raises(LakeFormatError) as refused:
        Lake.open(group.use_case)
    assert "airworthy upgrade feature_group_kind_quality" in str(refused.value)
