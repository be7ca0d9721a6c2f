"""Records are signed with keys that only this installation has."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from include.lake import signing
from include.lake.signing import Signature, SigningKeys, SigningKeysError
from tests.contexts import Configure
from tests.refusals import raises

pytestmark = pytest.mark.security

OLD, NEW = "an older key long enough to be one", "the newest key long enough to be one"


@pytest.fixture
def no_keys(lake_home: Path, configure: Configure) -> Path:
    """A machine whose environment names no key; the file where it would keep its own."""
    configure(signing_keys=None)
    return lake_home / "credentials" / "signing_keys"


def test_what_is_signed_is_genuine_and_nothing_else_is():
    keys = SigningKeys((NEW,))
    signature = keys.sign("ledger", b"content")
    assert keys.flaw("ledger", b"content", signature) == ""
    for purpose, content in (("ledger", b"other"), ("training", b"content"), ("ledger\0c", b"ontent")):
        assert keys.flaw(purpose, content, signature) == "its signature does not fit its content"
    forged = Signature(signature.key_id, signature.mac[:-1] + ("0" if signature.mac[-1] != "0" else "1"))
    assert keys.flaw("ledger", b"content", forged) == "its signature does not fit its content"
    assert keys.flaw("ledger", b"content", Signature("", "")) == "it is not signed"


def test_the_newest_key_signs_and_all_verify():
    before = SigningKeys((OLD,)).sign("ledger", b"content")
    keys = SigningKeys((NEW, OLD))
    assert keys.flaw("ledger", b"content", before) == ""
    assert keys.sign("ledger", b"content").key_id == signing.key_id(NEW)
    assert (keys.age(signing.key_id(NEW)), keys.age(signing.key_id(OLD))) == (0, 1)


def test_a_retired_key_proves_entries_of_the_ledger_alone(no_keys, configure):
    before = SigningKeys((OLD,)).sign("ledger", b"content")
    configure(signing_keys=f"{NEW},ledger:{OLD}")
    keys = signing.load_signing_keys()
    assert keys.flaw("ledger", b"content", before, on_ledger=True) == ""
    assert "which was retired and verifies only entries of the ledger" in keys.flaw("ledger", b"content", before)
    assert not keys.proves("ledger", b"content", before.mac[:32])
    assert keys.proves("ledger", b"content", keys.sign("ledger", b"content").mac[:32])
    assert SigningKeys((NEW, OLD)).proves("ledger", b"content", before.mac[:32])


def test_a_retired_key_is_never_the_newest(no_keys, configure):
    configure(signing_keys=f"ledger:{OLD}")
    with pytest.raises(SigningKeysError, match="AIRWORTHY_SIGNING_KEYS"):
        signing.load_signing_keys()


def test_a_signature_by_an_unknown_key_names_that_key_and_those_that_are_here():
    flaw = SigningKeys((NEW,)).flaw("ledger", b"content", SigningKeys((OLD,)).sign("ledger", b"content"))
    assert flaw == (
        f"it is signed with key {signing.key_id(OLD)!r}, which is not among the keys here ({signing.key_id(NEW)})"
    )


def test_a_signature_gives_no_key_away():
    signature = SigningKeys((NEW,)).sign("ledger", b"content")
    assert NEW not in repr(signature) and len(signature.key_id) == 8


def test_a_machine_with_its_lake_in_a_folder_makes_its_own_key_once(no_keys):
    assert signing.load_signing_keys().keys == ()
    made = signing.require_signing_keys()
    assert signing.require_signing_keys() == made == signing.load_signing_keys()
    assert len(made.keys) == 1 and len(made.keys[0]) >= signing.SHORTEST
    assert stat.S_IMODE(no_keys.stat().st_mode) == 0o600
    assert [path.name for path in no_keys.parent.iterdir()] == ["signing_keys"]


def test_a_lake_that_machines_share_needs_a_key_that_they_share(no_keys, configure):
    configure(lake="s3://bucket/lake")
    with raises(SigningKeysError, "s3://bucket/lake", "AIRWORTHY_SIGNING_KEYS"):
        signing.require_signing_keys()
    assert not no_keys.exists()


def test_the_environment_s_keys_come_before_the_file_s(no_keys, configure):
    signing.require_signing_keys()
    configure(signing_keys=f" {NEW},{OLD} ")
    assert signing.require_signing_keys().keys == (NEW, OLD)


def test_a_short_key_is_refused_without_being_shown(no_keys, configure):
    configure(signing_keys=f"{NEW},short-secret")
    with raises(SigningKeysError, "1", "2", "32") as raised:
        signing.load_signing_keys()
    assert "short-secret" not in str(raised.value) and NEW not in str(raised.value)
