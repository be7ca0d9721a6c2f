"""Read the settings from the environment into a frozen object."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from include.errors import InvalidRequestError

REPOSITORY = Path(__file__).resolve().parent.parent


TRAINING_POOL = "training"
"""Airflow pool of one slot: trainings wait for each other instead of for memory."""


_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|\\|[\x00-\x1f\x7f\ud800-\udfff]|(?<![^/])_delta_log(?![^/])")
"""What the Delta library decodes, splits or refuses in a path: escapes, backslashes, control characters, bytes that are
not UTF-8, and a folder that is called as the log of a table."""


@dataclass(frozen=True)
class Settings:
    """Every place outside the process that this project reads or writes."""

    home: Path
    """All local state (`AIRWORTHY_HOME`, default `.airworthy` in the repository); git-ignored."""
    lake: str
    """Root of the Delta tables and the ledger (`AIRWORTHY_LAKE`): a folder, or `s3://bucket/prefix`."""
    mlflow: str
    """Address of the MLflow server (`MLFLOW_TRACKING_URI`, default the local one's port on loopback)."""
    data_docs: str
    """Root of the validation pages (`AIRWORTHY_DATA_DOCS`): a folder, or `s3://bucket/prefix`."""
    use_case_packages: tuple[str, ...]
    """Packages whose members declare a `USE_CASE` (`AIRWORTHY_USE_CASE_PACKAGES`, comma separated)."""

    @property
    def mlflow_shown(self) -> str:
        """MLflow's address as people open it: as `shown`, and one of this machine by the name `localhost`.

        A browser sends a cookie of 127.0.0.1 to every port there, and Airflow's page is opened by that address.
        """
        return re.sub(r"^(https?://)127\.0\.0\.1(?=[:/]|$)", r"\1localhost", shown_address(self.mlflow))


def current_settings() -> Settings:
    """The settings of the environment as it is now."""
    env = os.environ
    home = Path(env.get("AIRWORTHY_HOME") or REPOSITORY / ".airworthy").expanduser().resolve()
    packages = env.get("AIRWORTHY_USE_CASE_PACKAGES") or "include.use_cases"
    return Settings(
        home=home,
        lake=storage_setting("AIRWORTHY_LAKE", home / "lake"),
        mlflow=_mlflow(env.get("AIRWORTHY_MLFLOW_PORT") or "5000"),
        data_docs=storage_setting("AIRWORTHY_DATA_DOCS", home / "data_docs"),
        use_case_packages=tuple(name.strip() for name in packages.split(",") if name.strip()),
    )


def downloads_folder() -> Path:
    """Return the folder in which a use case's source keeps what it has downloaded; it may be removed at any time."""
    return current_settings().home / "source"


def _mlflow(port: str) -> str:
    """MLflow's address. InvalidRequestError for one with a user or a password in it: MLflow's own errors repeat it, in
    logs."""
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"http://127.0.0.1:{port}"
    scheme, _, rest = address.partition("://")
    if "@" in rest and not rest.startswith("/"):  # wherever: a password may hold a slash, and a path of a file an @
        raise InvalidRequestError(
            f"MLFLOW_TRACKING_URI={f'{scheme}://…'!r} has a user or a password in it, which would reach logs. Name the"
            " address alone, and the user and the password by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    return address


def storage_setting(name: str, default: Path) -> str:
    """Return where that variable says that files are: an address on S3, or an absolute folder, as services run
    elsewhere than the shell in which a relative one was meant.

    Raises:
        InvalidRequestError: an address of another kind, or without a bucket; or a name that the Delta library reads
        otherwise.
    """
    value = os.environ.get(name) or str(default)
    if "://" in value:
        parts = urlsplit(value)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
            shape = f"{parts.scheme}://…" if "@" in value else value  # it may hold a password
            raise InvalidRequestError(
                f"{name}={shape!r} is not a place for files. Set it to a folder, or to s3://bucket/prefix."
            )
        value = value.rstrip("/")
    else:
        value = str(Path(value).expanduser().resolve())
    if found := _MISREAD.search(value):
        setting = name if os.environ.get(name) else f"AIRWORTHY_HOME, or {name},"
        raise InvalidRequestError(
            f"The folder {value!r} has {found[0]!r} in its name, which the Delta library does not read literally, so it"
            f" would look for files in another folder. Set {setting} to a folder without it."
        )
    return value


def shown_address(address: str) -> str:
    """An address as people may see it, without a slash at its end; empty where a browser cannot open it.

    The address itself may be that of a database, or of no settings and hold a password: it must never be shown.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
