"""An S3 server that fails, delays or disconnects: no row is lost, duplicated or partially written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.declaration.period import Period
from include.errors import AirworthyError
from include.features import build
from include.ingestion import ingest, validate
from include.lake.object_store import StoragePath
from include.lake.s3 import ObjectStoreError
from include.project import open_project
from tests.contexts import Configure
from tests.drills import life, proxy
from tests.drills.proxy import FAULTS, Running
from tests.drills.report import Row
from tests.toy_use_case import USE_CASE

DAYS = [Period("2020-01-02") + n for n in range(3)]
GUARDS = {
    "500": "asked again by boto3 and deltalake, with growing pauses",
    "503": "asked again by boto3 and deltalake, with growing pauses",
    "slow": "waited for",
    "cut upload": "sent again; what is half sent is not there",
    "cut download": "started again; a part is never taken for the whole",
    "lost answer": "a conditional write finds its own file; a commit finds its own content",
}


def run_days() -> None:
    for period in DAYS:
        ingest.ingest_period(open_project(USE_CASE), period)
        validate.validate_period(open_project(USE_CASE), period)
        build.build_features(open_project(USE_CASE), period)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    """What the days come to on a disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(tmp_path_factory.mktemp("undisturbed")))
        run_days()
        return life.tables()


@pytest.fixture
def through(s3_server: str, bucket: str, lake_home: Path, configure: Configure) -> Callable[..., Iterator[Running]]:
    """Within it, the lake and the Data Docs are on S3, behind a proxy that makes such faults."""
    configure(lake=f"{bucket}/lake", data_docs=f"{bucket}/docs")

    @contextmanager
    def behind(faults: list[str], share: float, seed: int = 0) -> Iterator[Running]:
        with proxy.running(s3_server, faults, share, seed) as breaking, pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", breaking.address)
            yield breaking

    return behind


def run_until_done(attempts: int = 4) -> int:
    """Each stage of the days, again after an error that may pass by itself, as Airflow's tasks are; how many were."""
    again = 0
    for period in DAYS:
        for stage in (ingest.ingest_period, validate.validate_period, build.build_features):
            for attempt in range(attempts):
                try:
                    stage(open_project(USE_CASE), period)
                    break
                except AirworthyError as error:
                    if attempt == attempts - 1 or not error.retryable:
                        raise
                    again += 1
    return again


def drill(through: Callable, undisturbed: dict, faults: list[str], share: float, guard: str, seed: int = 0) -> Row:
    with through(faults, share, seed) as breaking:
        again, made = run_until_done(), breaking.made
    assert made, "no fault was made"
    found = life.tables()  # read without the proxy
    said = FAULTS[faults[0]] if len(faults) == 1 else "every kind of fault"
    guard += f"; {made.total()} requests broken, {again} of {3 * len(DAYS)} tasks tried again"
    lost = life.rows_lost(undisturbed, found)
    return Row(f"S3: {said}, in {share:.0%} of requests", guard, 1, lost, found == undisturbed)


@pytest.mark.drill
def test_days_of_data_through_a_server_that_breaks_a_tenth_of_its_answers_are_as_on_a_disk(
    through, undisturbed, survived
):
    survived(drill(through, undisturbed, [*FAULTS], 0.1, "asked again"))


@pytest.mark.drill
@pytest.mark.parametrize("fault", FAULTS)
def test_days_of_data_through_a_server_with_one_fault_are_as_on_a_disk(through, undisturbed, survived, fault):
    survived(drill(through, undisturbed, [fault], 0.25, GUARDS[fault], seed=1))


@pytest.mark.slow
def test_that_a_file_is_not_there_is_heard_also_where_the_answer_is_cut(through, bucket):
    with through(["cut download"], 0.3) as breaking:
        for number in range(20):
            with pytest.raises(FileNotFoundError):
                (StoragePath.parse(bucket) / f"missing-{number}").read()
        assert breaking.made.total() > 1


@pytest.mark.slow
def test_of_eight_that_make_one_file_where_answers_get_lost_one_has_made_it(through, bucket, survived):
    """Ten files; the loser of the race gets an error, and what is stored is the winner's, whole."""
    names, contents = [f"{n:02d}" for n in range(10)], [f"writer {n}".encode() * 50 for n in range(8)]
    made: dict[str, list[bytes]] = {name: [] for name in names}

    def write(content: bytes) -> None:
        for name in names:
            if (StoragePath.parse(bucket) / "race" / name).create(content):
                made[name].append(content)

    with through(["lost answer", "500"], 0.15) as breaking:
        writers = [threading.Thread(target=write, args=(content,)) for content in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        lost = breaking.made["lost answer"]
    there = {name: [(StoragePath.parse(bucket) / "race" / name).read()] for name in names}
    assert lost
    survived(
        Row(
            "S3: eight make each of ten files, answers get lost",
            "conditional writes that carry the writer's name",
            len(names) * len(contents),
            sum(not winners for winners in made.values()),
            made == there,
        )
    )


@pytest.mark.slow
def test_a_server_that_only_fails_is_named_with_what_to_do_and_nothing_is_half_there(
    through, undisturbed, survived, set_limits
):

    set_limits(s3_retries=1)
    ingest.ingest_period(open_project(USE_CASE), DAYS[0])
    before = life.tables()
    with through(["500"], 1.0), pytest.raises(ObjectStoreError) as raised:
        validate.validate_period(open_project(USE_CASE), DAYS[0])
    assert raised.value.retryable
    assert life.tables() == before
    run_days()
    found = life.tables()
    lost = life.rows_lost(undisturbed, found)
    survived(Row("S3 is down, then up", "the task fails, and may be tried again", 1, lost, found == undisturbed))
