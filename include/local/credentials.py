"""The admin password and the keys of one instance: made at random on its first start, readable by its owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from include.errors import NotReadyError
from include.local.instance import Instance

USER = "admin"
VIEWER = "prometheus"
"""May look, and nothing else: for whoever scrapes."""


@dataclass(frozen=True)
class Credentials:
    """Kept between starts: a session or an encrypted connection outlives `make down`."""

    password: str
    fernet_key: str
    secret_key: str
    jwt_secret: str


def password_file(instance: Instance) -> Path:
    """Airflow reads the passwords from here: `{"admin": "…", …}`."""
    return instance.home / "credentials" / "password.json"


def load_or_make(instance: Instance) -> Credentials:
    """The credentials of `instance`; a missing part is made."""
    folder = instance.home / "credentials"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = _read_or_write(
        folder / "keys.json",
        {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "secret_key": secrets.token_urlsafe(32),
            "jwt_secret": secrets.token_urlsafe(64),
        },
    )
    new = {USER: secrets.token_urlsafe(12), VIEWER: secrets.token_urlsafe(12)}
    return Credentials(password=_read_or_write(password_file(instance), new)[USER], **keys)


def viewer_password(instance: Instance) -> str:
    """The password of VIEWER; where the file is older than that user, Airflow has added it when it started."""
    load_or_make(instance)
    found: dict[str, str] = json.loads(password_file(instance).read_text())
    if VIEWER not in found:
        raise NotReadyError(
            f"{password_file(instance)} has no user {VIEWER!r} yet: start the services anew (make down, up)."
        )
    return found[VIEWER]


def _read_or_write(path: Path, new: dict[str, str]) -> dict[str, str]:
    """What is in `path`; if there is nothing, `new`, whole from the first moment and never readable by others."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(new, file)
        try:
            os.link(draft, path)  # fails where another process was first; then theirs counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(path.read_text())
    return found
