"""Create and read an instance's random passwords and keys.

Only their owner can read them.
"""

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
"""The read-only user, with which Prometheus scrapes."""


@dataclass(frozen=True)
class Credentials:
    """Secrets of an instance.

    They are kept, so that sessions and encrypted Connections survive `make down`.
    """

    password: str
    fernet_key: str
    secret_key: str
    jwt_secret: str


def password_file(instance: Instance) -> Path:
    """Return the file from which Airflow reads the passwords: `{"admin": "…", …}`."""
    return instance.home / "credentials" / "password.json"


def load_or_make(instance: Instance) -> Credentials:
    """Return the credentials of `instance`; create missing parts."""
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
    """Return VIEWER's password; Airflow adds the user to an older file.

    It does so at its start.

    Raises:
        NotReadyError: Airflow was not started since.
    """
    load_or_make(instance)
    passwords: dict[str, str] = json.loads(password_file(instance).read_text())
    if VIEWER not in passwords:
        raise NotReadyError(
            f"{password_file(instance)} has no user {VIEWER!r} yet: restart the services (make down, up)."
        )
    return passwords[VIEWER]


def _read_or_write(path: Path, new: dict[str, str]) -> dict[str, str]:
    """Return the content of `path`; create it with `new` if missing.

    It is created atomically and private.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(new, file)
        try:
            os.link(draft, path)  # fails if another process was first, whose content is then used
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    content: dict[str, str] = json.loads(path.read_text())
    return content
