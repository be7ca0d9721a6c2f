"""Without the key, no ledger entry or record can be forged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.declaration.period import Period, period_range
from include.lake.object_store import StoragePath
from include.registry.ledger import Ledger, LedgerCorruptedError
from include.registry.ledger_entry import LedgerDecision, LedgerEntry
from include.registry.records import Kind, Records, UnprovenRecordError
from tests.places import copy, empty
from tests.security.fuzzing import examples

pytestmark = pytest.mark.security
KEY = "a key of this module that no one else has"
ONE, OTHER = "0" * 32, "1" * 32
MADE = [("1", 3, "approval"), ("1", 3, "promotion"), ("2", 4, "rejection"), ("3", 5, "promotion"), ("1", 6, "rollback")]
KINDS: tuple[Kind, ...] = ("training", "evaluation", "limits")


def decision(version: str, month: int, action: str = "promotion") -> LedgerDecision:
    return LedgerDecision(
        version=version,
        trees=f"trees of {version}",
        fingerprint=f"made as {version}",
        effective_from=Period(f"2020-{month:02}-01"),
        action=action,
        actor="ann",
        reason="a test",
        gate_results=({"gate": "log loss", "outcome": "passed"},),
        files_digest=f"files of {version}",
        judged="by the gates",
    )


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoragePath]:
    """A ledger of five entries, one of another use case, and records of two runs; all signed here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_SIGNING_KEYS", KEY)
        place = StoragePath.parse(str(tmp_path_factory.mktemp("genuine")))
        ledger = Ledger("toy", place / "ledger")
        for made in MADE:
            ledger.append(decision(*made))
        Ledger("another", place / "another").append(decision("3", 7))
        records = Records("toy", place / "records")
        for run_id in (ONE, OTHER):
            for kind in KINDS:
                for outcome in ("failed", "passed"):
                    records.append(kind, run_id, {"says": f"{kind} of {run_id}", "outcome": outcome})
        yield place


@pytest.fixture(scope="module")
def attacked(genuine: StoragePath, tmp_path_factory: pytest.TempPathFactory) -> StoragePath:
    """Where each example finds a fresh copy of all that."""
    return StoragePath.parse(str(tmp_path_factory.mktemp("attacked")))


def chain(entries: list[LedgerEntry]) -> Iterator[LedgerEntry]:
    """Number and chain entries as an attacker who knows this code would."""
    previous = ""
    for number, entry in enumerate(entries, start=1):
        linked = replace(entry, number=number, previous=previous)
        previous = linked.hash
        yield linked


def write(ledger: Ledger, entries: list[LedgerEntry]) -> None:
    empty(ledger.folder)
    for entry in chain(entries):
        (ledger.folder / f"{entry.number:06d}.json").write(entry.content())


def believed(ledger: Ledger, head: str | None = None) -> list[LedgerEntry]:
    """Return what the ledger says to tasks that find this head in MLflow; nothing where it is refused."""
    try:
        return ledger.verify(head) if head else ledger.entries()
    except LedgerCorruptedError:
        return []


def fields_of(entry: LedgerEntry) -> list[str]:
    return sorted(asdict(entry).keys() - {"number", "previous"})


@st.composite
def rewritten(draw: st.DrawFn, entries: list[LedgerEntry], foreign: LedgerEntry) -> list[LedgerEntry]:
    """A list of entries that somebody would rather have: changed, repeated, moved, cut, or of another use case."""
    wanted = list(entries)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(wanted) - 1))
        entry = wanted[place]
        match draw(st.sampled_from(["field", "date", "repeat", "move", "cut", "foreign"])):
            case "field":
                name = draw(
                    st.sampled_from(
                        [name for name in fields_of(entry) if name not in ("effective_from", "gate_results")]
                    )
                )
                others = [getattr(each, name) for each in entries] + ["", "promotion", "passed"]
                wanted[place] = replace(entry, **{name: draw(st.sampled_from(others))})
            case "date":
                wanted[place] = replace(
                    entry,
                    effective_from=draw(st.sampled_from(period_range(Period("2019-01-01"), Period("2021-01-01")))),
                )
            case "repeat":
                wanted.insert(draw(st.integers(0, len(wanted))), entry)
            case "move":
                wanted.insert(draw(st.integers(0, len(wanted) - 1)), wanted.pop(place))
            case "cut" if len(wanted) > 1:
                del wanted[place]
            case _:
                wanted.insert(place, foreign)
    return wanted


@examples(40)
@given(data=st.data())
def test_a_ledger_that_somebody_has_rewritten_and_chained_again_says_the_same_or_is_refused(data, genuine, attacked):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_SIGNING_KEYS", KEY)
        entries = Ledger("toy", genuine / "ledger").entries()
        [foreign] = Ledger("another", genuine / "another").entries()
        ledger = Ledger("toy", attacked / "ledger")
        write(ledger, data.draw(rewritten(entries, foreign)))
        assert believed(ledger, entries[-1].head) in (entries, [])
        # A client that writes to MLflow too, and sets the head, can cut the newest entries off, and nothing else.
        said = believed(ledger)
        assert said == entries[: len(said)]


@examples(40)
@given(data=st.data())
def test_bytes_of_an_entry_that_somebody_has_changed_say_the_same_or_are_refused(data, genuine, attacked):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_SIGNING_KEYS", KEY)
        entries, ledger = Ledger("toy", genuine / "ledger").entries(), Ledger("toy", attacked / "ledger")
        empty(ledger.folder), copy(genuine / "ledger", ledger.folder)
        place = ledger.folder / data.draw(st.sampled_from(ledger.folder.names()))
        place.write(data.draw(mutated(place.read())))
        assert believed(ledger, entries[-1].head) in (entries, [])
        said = believed(ledger)
        assert said == entries[: len(said)]


def loaded(content: bytes) -> dict[str, Any]:
    """Return what a file says; nothing where it is no longer JSON."""
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        return {}


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """The same bytes with a piece replaced by others, or JSON with another value."""
    values = loaded(content)
    if values and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(values)))
        values[name] = draw(st.none() | st.integers() | st.text(max_size=20) | st.lists(st.none(), max_size=2))
        return json.dumps(values, indent=1, sort_keys=True).encode()
    first = draw(st.integers(0, len(content)))
    last = min(len(content), first + draw(st.integers(0, 8)))
    return content[:first] + draw(st.binary(max_size=8)) + content[last:]


@examples(40)
@given(data=st.data())
def test_no_record_says_what_was_never_recorded_of_its_run(data, genuine, attacked):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_SIGNING_KEYS", KEY)
        records = Records("toy", attacked / "records")
        empty(records.folder), copy(genuine / "records", records.folder)
        files = [(kind, name) for kind in KINDS for name in (records.folder / kind).names()]
        for _ in range(data.draw(st.integers(1, 3))):
            kind, name = data.draw(st.sampled_from(files))
            to_kind, to_name = data.draw(st.sampled_from([*files, (kind, f"{ONE}.000003.json")]))
            place = records.folder / kind / name
            if name not in (records.folder / kind).names():
                continue
            match data.draw(st.sampled_from(["copy", "change", "remove"])):
                case "copy":
                    (records.folder / to_kind / to_name).write(place.read())
                case "change":
                    place.write(data.draw(mutated(place.read())))
                case _:
                    place.remove()
        for kind in KINDS:
            for run_id, found in records.latest(kind, [ONE, OTHER]).items():
                if not isinstance(found, UnprovenRecordError):
                    assert found["says"] == f"{kind} of {run_id}" and found.keys() == {"says", "outcome"}


def test_only_the_holder_of_the_key_can_do_better(genuine, attacked, configure):
    """The forgery that all others try to be: it is believed, so the tests above look in the right place."""
    configure(signing_keys=KEY)
    ledger = Ledger("toy", attacked / "ledger")
    empty(ledger.folder), copy(genuine / "ledger", ledger.folder)
    ledger.append(decision("666", 7))
    assert ledger.champion_of(Period("2020-08-01")).version == "666"


def test_the_chain_that_is_forged_here_is_that_of_the_ledger(genuine, configure):
    configure(signing_keys=KEY)
    entries = Ledger("toy", genuine / "ledger").entries()
    assert [*chain(entries)] == entries
