"""A project opens each part once, where the settings say or in the lake that it is given."""

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.ingestion.correction_log import CorrectionLog
from include.lake.lake_format import LakeFormatError
from include.lake.object_store import StoragePath
from include.notifications.queue import NotificationQueue
from include.project import open_project
from include.retraining.budget import Reservation, RetrainingBudget
from tests.toy_use_case import USE_CASE

DAY = Period("2020-03-01")


def test_each_part_is_opened_once(lake_home):
    project = open_project(USE_CASE)
    for part in ("settings", "root", "lake", "registry", "ledger", "records"):
        assert getattr(project, part) is getattr(project, part)


def test_everything_of_a_project_is_in_the_lake_of_the_settings(lake_home):
    project = open_project(USE_CASE)
    root = StoragePath.parse(project.settings.lake) / USE_CASE.name
    assert project.root == project.lake.root == root
    assert (project.ledger.folder, project.records.folder) == (root / "ledger", root / "records")
    assert CorrectionLog.open(project, "events").folder == root / "corrections" / "events"
    assert RetrainingBudget.open(project).folder == root / "claims"
    assert NotificationQueue.open(project).folder == root / "alerts"


def test_everything_of_a_project_in_another_lake_is_there(lake_home, tmp_path):
    project = open_project(USE_CASE).in_lake(str(tmp_path / "other"))
    assert RetrainingBudget.open(project).claim(DAY, 1) == Reservation(DAY, 1)
    assert RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(DAY) == []
    assert project.registry.records == project.records
    places = (project.lake.root, project.ledger.folder, project.records.folder, NotificationQueue.open(project).folder)
    assert all(place.uri.startswith(str(tmp_path / "other")) for place in places)


def test_another_declaration_stays_in_the_same_lake(lake_home, tmp_path):
    project = open_project(USE_CASE).in_lake(str(tmp_path / "other"))
    other = project.declared_as(replace(USE_CASE, owner="another"))
    assert (other.use_case.owner, other.lake.root) == ("another", project.lake.root)


def test_a_lake_of_another_format_is_refused_but_its_alerts_are_kept(lake_home, tmp_path):
    project = open_project(USE_CASE).in_lake(str(tmp_path / "old"))
    (project.root / "ledger" / "000001.json").write(b"{}")
    for part in ("lake", "ledger", "records"):
        with pytest.raises(LakeFormatError):
            getattr(project, part)
    assert NotificationQueue.open(project).waiting() == []
