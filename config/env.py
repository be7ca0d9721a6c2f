"""Make `.env` for docker-compose.yaml from `.env.example` (`make env`), with random secrets.

Uses only the standard library: a machine that runs only containers needs no virtual environment. An existing secret is
never changed; a secret that a newer version needs is added.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Characters without a special meaning in an address, a command line and compose's file; and those of a list of keys.
PLAIN, LIST = re.compile(r"[\w.=-]*", re.ASCII), re.compile(r"[\w.=,:-]*", re.ASCII)
LISTS = {"AIRFLOW_FERNET_KEY", "AIRWORTHY_SIGNING_KEYS"}
SETTING = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def secret(name: str) -> str:
    """Return a new secret of characters without a special meaning in addresses and command lines."""
    if name == "AIRFLOW_FERNET_KEY":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(10 if name == "AIRWORTHY_S3_ACCESS_KEY" else 32)


def filled(example: str) -> str:
    """Return the example with a secret for every empty setting."""
    return SETTING.sub(lambda found: f"{found[1]}={found[2] or secret(found[1])}", example)


def completed(present: str, example: str) -> str:
    """Return the present text, followed by a line for each secret of the example without a value."""
    known = {name for name, value in SETTING.findall(present) if value}
    missing = [name for name, value in SETTING.findall(example) if not value and name not in known]
    kept = [line for line in present.splitlines() if line.partition("=")[0] not in missing]
    return "\n".join(kept + [f"{name}={secret(name)}" for name in missing]) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file atomically, never readable by other accounts."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".env.")  # made with mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(draft).replace(path)


def odd(present: str, example: str) -> list[str]:
    """Return the secrets of the example whose value has other characters than letters, digits and `. _ - =`."""
    secret_names = {name for name, value in SETTING.findall(example) if not value}
    given = [(name, value) for name, value in SETTING.findall(present) if name in secret_names]
    return [name for name, value in given if not (LIST if name in LISTS else PLAIN).fullmatch(value)]


def main(root: Path = ROOT) -> str:
    """Make or complete `.env`; return a line about what was done.

    Raises:
        SystemExit: a secret has a character with a special meaning.
    """
    path, example = root / ".env", (root / ".env.example").read_text()
    if path.exists() and (wrong := odd(path.read_text(), example)):
        names = ", ".join(wrong)
        raise SystemExit(
            f"{names} in .env: use letters, digits and . _ - = only; others have a special meaning in an address."
        )
    if not path.exists():
        write(path, filled(example))
        return "Wrote .env with new secrets. Keep a copy of it in a safe place: without them no backup can be read."
    present = path.read_text()
    if (text := completed(present, example)) == present:
        return ".env has every secret; nothing was changed."
    write(path, text)
    return "Added the missing secrets to .env; the others are unchanged."


if __name__ == "__main__":
    sys.stdout.write(main() + "\n")
