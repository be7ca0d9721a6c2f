"""The ledger: append-only, chained, and the only source of the "champion of day D"."""

import json
import multiprocessing
from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.errors import NoChampionError
from include.lake import signing
from include.lake.object_store import StoragePath
from include.registry.ledger import (
    EntriesCutError,
    EntryReplacedError,
    HeadInvalidError,
    HeadMissingError,
    Ledger,
    LedgerConflictError,
    LedgerCorruptedError,
    UnprovenEntriesError,
)
from include.registry.ledger_entry import LedgerDecision, entries_until
from include.registry.tags import LEDGER_HEAD
from tests.refusals import raises

pytestmark = [pytest.mark.both_places, pytest.mark.security]
MARCH, APRIL, MAY = Period("2020-03-01"), Period("2020-04-01"), Period("2020-05-01")


@pytest.fixture
def ledger(place: StoragePath) -> Ledger:
    return Ledger("toy", place)


def edit(entry: StoragePath, **values: str) -> None:
    entry.write((json.dumps(json.loads(entry.read()) | values, indent=1, sort_keys=True) + "\n").encode())


def remove(ledger: Ledger, left: int = 0) -> None:
    for name in ledger.folder.names()[left:]:
        (ledger.folder / name).remove()


def decided(version: str, period: Period, action: str = "promotion", **others: str) -> LedgerDecision:
    model = {"trees": f"trees of {version}", "fingerprint": f"made as {version}"}
    said = {"actor": "someone", "reason": "a test", "gate_results": ({"passed": True},)}
    return LedgerDecision(version=version, effective_from=period, action=action, **model | said | others)


def promote(ledger: Ledger, version: str, period: Period, action: str = "promotion", **others: str):
    return ledger.append(decided(version, period, action, **others))


def test_an_entry_is_read_as_it_was_written(ledger):
    written = promote(ledger, "1", MARCH).entry
    assert ledger.entries() == [written]
    assert (written.number, written.previous, written.effective_from) == (1, "", MARCH)
    assert ledger.folder.names() == ["000001.json"]


def test_the_champion_of_a_day_is_the_last_one_effective_by_then(ledger):
    promote(ledger, "2", APRIL), promote(ledger, "1", MARCH)  # a backfilled training comes later, for an earlier day
    assert ledger.champion_of(Period("2020-03-31")).version == "1"
    assert ledger.champion_of(APRIL).version == "2"
    assert ledger.champion_of(MAY).version == "2"


def test_of_two_entries_for_one_day_the_later_counts(ledger):
    promote(ledger, "1", MARCH), promote(ledger, "2", APRIL), promote(ledger, "1", APRIL, "rollback")
    assert ledger.champion_of(APRIL).version == "1"


def test_a_day_before_every_entry_has_no_champion(ledger):
    with pytest.raises(NoChampionError) as refused:
        ledger.champion_of(MARCH)
    assert refused.value.first is None
    promote(ledger, "1", APRIL)
    with pytest.raises(NoChampionError) as refused:
        ledger.champion_of(MARCH)
    assert (refused.value.period, refused.value.first) == (MARCH, APRIL)


def test_promoting_the_same_again_writes_nothing_even_after_a_rollback(ledger):
    first = promote(ledger, "1", MARCH)
    promote(ledger, "0", MARCH, "rollback")
    again = promote(ledger, "1", MARCH)
    assert first.new and not again.new
    assert again.entry == first.entry
    assert len(ledger.entries()) == 2


def rolled_back(ledger: Ledger, actor: str = "someone", reason: str = "worse") -> bool:
    return promote(ledger, "1", APRIL, "rollback", actor=actor, reason=reason).new


def test_the_same_rollback_again_writes_nothing_while_nothing_newer_came(ledger):
    promote(ledger, "1", MARCH), promote(ledger, "2", APRIL)
    assert rolled_back(ledger)
    assert not rolled_back(ledger) and not rolled_back(ledger, actor="another")
    assert rolled_back(ledger, reason="another reason")


def test_after_something_newer_only_another_decision_rolls_back_again(ledger):
    assert rolled_back(ledger, actor="run 1")
    promote(ledger, "2", APRIL)
    assert not rolled_back(ledger, actor="run 1")
    assert rolled_back(ledger, actor="run 2")


def test_an_entry_decides_until_one_of_a_later_day_or_a_later_one_of_its_own_day(ledger):
    promote(ledger, "2", MAY), promote(ledger, "1", MARCH), promote(ledger, "3", MARCH)
    entries = ledger.entries()
    assert [entries_until(entry, entries) for entry in entries] == [None, MARCH, MAY]
    for entry in entries:  # as champion_of says, day by day
        periods = [period for period in (MARCH, Period("2020-04-30"), MAY) if ledger.champion_of(period) == entry]
        ends = entries_until(entry, entries)
        assert all(entry.effective_from <= period and (ends is None or period < ends) for period in periods)


def test_a_model_is_compared_with_the_champion_other_than_itself(ledger):
    assert ledger.champion_apart_from("1", MAY) is None
    promote(ledger, "1", MARCH), promote(ledger, "2", APRIL)
    assert ledger.champion_apart_from("2", MAY).version == "1"
    assert ledger.champion_apart_from(None, MAY).version == "2"
    assert ledger.champion_apart_from("1", MARCH) is None


def _promote_three(folder: StoragePath, worker: int, start) -> None:
    start.wait()
    for number in range(3):
        promote(Ledger("toy", folder), f"{worker}-{number}", MARCH)
    promote(Ledger("toy", folder), "the same", MARCH)


@pytest.mark.slow
@pytest.mark.both_places(long=True)
def test_eight_processes_at_once_lose_no_entry_and_write_none_twice(ledger):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(8)
    workers = [context.Process(target=_promote_three, args=(ledger.folder, n, start)) for n in range(8)]
    [worker.start() for worker in workers]
    [worker.join(1200) for worker in workers]
    assert [worker.exitcode for worker in workers] == [0] * 8
    versions = [entry.version for entry in ledger.entries()]
    assert sorted(versions) == sorted(["the same", *(f"{worker}-{n}" for worker in range(8) for n in range(3))])
    assert len(ledger.entries()) == 25
    assert len(ledger.folder.names()) == 25  # no temporary file is left


def test_an_entry_that_was_edited_is_detected(ledger):
    promote(ledger, "1", MARCH), promote(ledger, "2", APRIL)
    edit(ledger.folder / "000001.json", version="2")
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.entries()
    assert refused.value.place.name == "000002.json"


def test_an_entry_that_was_removed_is_detected(ledger):
    promote(ledger, "1", MARCH), promote(ledger, "2", APRIL), promote(ledger, "3", MAY)
    (ledger.folder / "000002.json").remove()
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.champion_of(MAY)
    assert refused.value.place.name == "000002.json"


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"number": 1}'])
def test_an_entry_that_cannot_be_read_stops_everything(ledger, content):
    promote(ledger, "1", MARCH)
    (ledger.folder / "000001.json").write(content.encode())
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.champion_of(MAY)
    assert refused.value.place.name == "000001.json"


def test_a_half_written_entry_of_a_killed_process_is_not_an_entry(ledger):
    promote(ledger, "1", MARCH)
    (ledger.folder / ".killed.tmp").write(b'{"number": 2')
    assert promote(ledger, "2", APRIL).entry.number == 2


# -- the head, kept elsewhere


def filled(ledger: Ledger, entries: int = 3) -> str:
    for number, period in zip(range(entries), (MARCH, APRIL, MAY), strict=False):
        promote(ledger, str(number), period)
    return ledger.entries()[-1].head


def test_a_whole_ledger_is_verified_and_handed_over(ledger):
    assert ledger.verify(None) == []
    head = filled(ledger)
    assert head.startswith("3:")
    assert ledger.verify(head) == ledger.entries()


def test_a_head_that_lags_behind_is_no_damage(ledger):
    lagging = promote(ledger, "1", MARCH).entry.head
    promote(ledger, "2", APRIL)
    assert len(ledger.verify(lagging)) == 2


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_ledger_that_was_cut_short_is_detected_with_what_is_missing_and_what_to_do(ledger, left):
    head = filled(ledger)
    remove(ledger, left)
    assert len(ledger.entries()) == left  # the chain alone does not show it
    with raises(EntriesCutError, "000003.json", stated=3, count=left):
        ledger.verify(head)


def test_a_ledger_without_its_folder_is_cut_short_too(ledger):
    head = filled(ledger)
    remove(ledger)
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.verify(head)
    assert refused.value.place.name == "000003.json"


def test_a_last_entry_that_was_edited_is_detected(ledger):
    filled(ledger)
    edit(ledger.folder / "000003.json", version="0")
    assert len(ledger.store.numbered()) == 3  # the chain alone does not show it
    with pytest.raises(UnprovenEntriesError) as refused:
        ledger.entries()
    assert refused.value.flaws.keys() == {3}


def test_a_last_entry_that_another_of_ours_replaced_is_detected_by_the_head(ledger):
    head = filled(ledger)
    (ledger.folder / "000003.json").remove()
    promote(ledger, "another", MAY)
    assert len(ledger.entries()) == 3
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.verify(head)
    assert refused.value.place.name == "000003.json"


def test_a_ledger_that_was_written_again_is_detected_at_the_head_though_it_has_grown(ledger):
    head = filled(ledger, 2)
    remove(ledger)
    promote(ledger, "0", MARCH), promote(ledger, "another", APRIL), promote(ledger, "2", MAY)
    with raises(EntryReplacedError, "000002.json", head_hash=head.partition(":")[2]):
        ledger.verify(head)


@pytest.mark.parametrize("head", ["", "3", "x:y", "0:" + "0" * 64, "1:" + "g" * 64])
def test_a_head_that_is_none_is_named(ledger, head):
    filled(ledger)
    with raises(HeadInvalidError, head=head):
        ledger.verify(head)


def test_a_head_that_is_missing_is_no_damage_right_after_the_first_entry_alone(ledger):
    assert ledger.verify(None) == []
    filled(ledger, 1)
    assert len(ledger.verify(None)) == 1
    with raises(HeadMissingError, count=1):
        ledger.verify(None, had_champion=True)
    head = promote(ledger, "2", APRIL).entry.head
    with raises(HeadMissingError, f"`{head}`", count=2, head=head):
        ledger.verify(None)


def test_a_ledger_that_is_gone_with_its_head_is_detected_where_a_version_was_champion(ledger):
    with raises(HeadMissingError, count=0, head=None) as raised:
        ledger.verify(None, had_champion=True)
    assert LEDGER_HEAD.name not in str(raised.value), "there is no head to set it to"


# -- rejections, and numbers that are given twice


def test_a_rejection_never_makes_a_champion(ledger):
    promote(ledger, "2", APRIL, "rejection")
    with pytest.raises(NoChampionError) as refused:
        ledger.champion_of(MAY)
    assert refused.value.first is None
    first = promote(ledger, "1", MARCH).entry
    promote(ledger, "3", MARCH, "rejection"), promote(ledger, "4", MAY, "rejection")
    assert ledger.champion_of(MAY) == ledger.champion_apart_from("9", MAY) == first
    assert entries_until(first, ledger.entries()) is None


def test_a_rejection_holds_for_the_model_under_every_number_and_of_every_code(ledger):
    first = promote(ledger, "1", MARCH, "rejection")
    again = promote(ledger, "2", MARCH, "rejection", trees="trees of 1")
    assert (again.new, again.entry) == (False, first.entry)
    assert promote(ledger, "2", APRIL, "rejection", trees="trees of 1").new


def test_a_rejection_in_between_does_not_make_a_rollback_another(ledger):
    promote(ledger, "1", MARCH), rolled_back(ledger)
    promote(ledger, "3", MAY, "rejection")
    assert not rolled_back(ledger, actor="another")


def test_another_model_under_a_number_that_was_promoted_is_another_decision(ledger):
    promote(ledger, "1", MARCH)
    assert promote(ledger, "1", MARCH, trees="others").new
    assert promote(ledger, "1", MARCH, fingerprint="another").new


@pytest.mark.parametrize(
    ("action", "new"), [("promotion", False), ("approval", True), ("restoration", True), ("rollback", True)]
)
def test_the_same_files_under_another_number_are_promoted_once_and_decided_on_by_people_again(ledger, action, new):
    one = {"trees": "trees of 1", "fingerprint": "made as 1", "files_digest": "files of 1"}
    assert promote(ledger, "1", MARCH, action, **one).new
    assert promote(ledger, "2", MARCH, action, **one).new is new


def test_a_decision_made_on_fewer_entries_than_there_are_is_not_written(ledger):
    promote(ledger, "1", MARCH)
    with pytest.raises(LedgerConflictError):
        ledger.append(decided("2", APRIL), after=0)
    assert not ledger.append(decided("1", MARCH), after=0).new  # it exists: nothing has to be decided again
    assert ledger.append(decided("2", APRIL), after=1).new


def test_the_gate_results_belong_to_an_entrys_hash(ledger):
    entry = promote(ledger, "1", MARCH).entry
    assert replace(entry, gate_results=({"passed": False},)).hash != entry.hash


@pytest.mark.parametrize("length", [12, 63])
def test_a_head_that_agrees_only_at_its_beginning_is_damage(ledger, length):
    digest = promote(ledger, "1", MARCH).entry.hash
    other = digest[:length] + "".join("1" if each == "0" else "0" for each in digest[length:])
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.verify(f"1:{other}")
    assert refused.value.place.name == "000001.json"


OLD, NEW = "an older key long enough to be one", "the newest key long enough to be one"


def forge(ledger: Ledger, **others: object) -> None:
    """Append what chains, as a person would who may write to the lake and knows this code."""
    last = ledger.store.numbered()[-1]
    entry = replace(last, number=last.number + 1, previous=last.hash, version="666", **others)
    (ledger.folder / f"{entry.number:06d}.json").write(entry.content())


@pytest.mark.parametrize(
    ("signature", "named"),
    [({"key_id": "", "mac": ""}, ""), ({}, ""), ({"key_id": "00000000"}, "'00000000'")],
)
def test_an_appended_entry_that_chains_but_was_not_signed_here_is_named(ledger, signature, named):
    promote(ledger, "1", MARCH)
    forge(ledger, **signature)
    for look in (ledger.entries, lambda: ledger.champion_of(MAY), lambda: promote(ledger, "2", APRIL)):
        with pytest.raises(UnprovenEntriesError) as raised:
            look()
        assert named in raised.value.flaws[2]
        assert raised.value.flaws.keys() == {2}
    assert len(ledger.folder.names()) == 2


def test_an_entry_without_the_fields_of_a_signature_is_no_proof_either(ledger):
    promote(ledger, "1", MARCH)
    forge(ledger)
    place = ledger.folder / "000002.json"
    values = {name: value for name, value in json.loads(place.read()).items() if name not in ("key_id", "mac")}
    place.write((json.dumps(values, indent=1, sort_keys=True) + "\n").encode())
    with pytest.raises(UnprovenEntriesError) as refused:
        ledger.entries()
    assert refused.value.flaws.keys() == {2}


@pytest.mark.parametrize(
    "others",
    [{"mac": "é"}, {"mac": "\ud800"}, {"mac": 7}, {"key_id": 5}, {"mac": None}, {"key_id": []}, {"number": 1e999}],
)
def test_an_entry_with_a_strange_signature_is_refused_in_words(ledger, others):
    promote(ledger, "1", MARCH)
    place = ledger.folder / "000001.json"
    place.write((json.dumps(json.loads(place.read()) | others, indent=1, sort_keys=True) + "\n").encode())
    with pytest.raises(LedgerCorruptedError):
        ledger.entries()


def test_an_entry_that_is_nested_without_end_is_refused_in_words(ledger):
    promote(ledger, "1", MARCH)
    (ledger.folder / "000002.json").write(b"[" * 100_000)
    with pytest.raises(LedgerCorruptedError) as refused:
        ledger.entries()
    assert refused.value.place.name == "000002.json"


def test_every_entry_without_proof_is_counted(ledger):
    promote(ledger, "1", MARCH)
    for _ in range(7):
        forge(ledger)
    with pytest.raises(UnprovenEntriesError) as raised:
        ledger.entries()
    assert list(raised.value.flaws) == [2, 3, 4, 5, 6, 7, 8]


def test_an_entry_of_another_use_case_proves_nothing_here(ledger, place):
    other = Ledger("another", place / "other")
    promote(other, "1", MARCH)
    (ledger.folder / "000001.json").write((other.folder / "000001.json").read())
    with pytest.raises(UnprovenEntriesError) as refused:
        ledger.entries()
    assert refused.value.flaws.keys() == {1}


def test_keys_can_be_replaced_and_the_older_one_then_signs_nothing_more(ledger, configure):
    configure(signing_keys=OLD)
    promote(ledger, "1", MARCH)
    configure(signing_keys=f"{NEW},{OLD}")
    promote(ledger, "2", APRIL)
    assert [entry.key_id for entry in ledger.entries()] == [signing.key_id(OLD), signing.key_id(NEW)]
    last = ledger.entries()[-1]
    entry = replace(last, number=3, previous=last.hash, version="3")
    configure(signing_keys=OLD)  # all that a thief has
    (ledger.folder / "000003.json").write(ledger._signed(entry).content())
    configure(signing_keys=f"{NEW},{OLD}")
    with pytest.raises(UnprovenEntriesError) as refused:
        ledger.entries()
    assert refused.value.flaws.keys() == {3}


def test_a_retired_key_still_proves_its_entries_and_appends_none(ledger, configure):
    configure(signing_keys=OLD)
    promote(ledger, "1", MARCH)
    configure(signing_keys=f"{NEW},ledger:{OLD}")
    promote(ledger, "2", APRIL)
    assert [entry.key_id for entry in ledger.entries()] == [signing.key_id(OLD), signing.key_id(NEW)]


def test_a_ledger_restored_without_its_key_is_not_believed_and_with_it_is(ledger, configure):
    promote(ledger, "1", MARCH)
    written = ledger.entries()
    configure(signing_keys=NEW)
    with raises(UnprovenEntriesError, "AIRWORTHY_SIGNING_KEYS"):
        ledger.entries()
    configure(signing_keys=f"{NEW},a key that only the tests know and keep")
    assert ledger.entries() == written


def test_an_entry_with_the_names_of_format_1_keeps_its_hash_and_its_proof(ledger):
    """Its file has `who`, as code before had; entries after it have `actor`."""
    first = promote(ledger, "1", MARCH).entry
    former = ledger._signed(replace(first, has_former_names=True))
    (ledger.folder / "000001.json").write(former.content())
    second = promote(ledger, "2", APRIL).entry
    assert ledger.entries() == [former, second]
    stored = [json.loads((ledger.folder / name).read()) for name in ("000001.json", "000002.json")]
    assert [("who" in values, "actor" in values) for values in stored] == [(True, False), (False, True)]
    assert (former.actor, second.previous) == ("someone", former.hash)
    assert former.hash != first.hash


@pytest.mark.parametrize("more", [{"who": "another"}, {"has_former_names": True}])
def test_an_entry_with_a_name_too_many_is_refused(ledger, more):
    promote(ledger, "1", MARCH)
    edit(ledger.folder / "000001.json", **more)
    with pytest.raises(LedgerCorruptedError):
        ledger.entries()
