"""Read the settings from the environment into a frozen object."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from include.errors import InvalidRequestError

REPOSITORY = Path(__file__).resolve().parent.parent


TRAINING_POOL = "training"
"""Airflow pool of one slot: trainings wait for each other instead of for memory."""
BACKFILL_POOL = "backfill"
"""Airflow pool of the chunks of backfills: half of the tasks that run at once, so that other tasks find a slot."""

MEMORY_POOL = "memory"
"""Airflow pool with a slot for each GB of a machine, of the tasks of use cases that declare their memory."""
MACHINE_MEMORY = "AIRWORTHY_MACHINE_MEMORY_GB"
"""Environment variable with the GB of a machine that tasks may use together; without it no task waits for memory."""


def pools(tasks_at_once: int, memory_gb: int | None) -> dict[str, tuple[int, str]]:
    """Return the slots and the description of each pool."""
    made = {
        TRAINING_POOL: (1, "One training at a time"),
        BACKFILL_POOL: (max(1, tasks_at_once // 2), "Chunks of backfills: at most half of the tasks that run at once"),
    }
    if memory_gb:
        made[MEMORY_POOL] = (memory_gb, "GB of memory: tasks of use cases that declare memory_gb")
    return made


def machine_memory_gb(environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the GB that tasks of a machine may use together; None if nothing is set.

    Raises:
        InvalidRequestError: the variable is not a whole number above 0.
    """
    given = environment.get(MACHINE_MEMORY, "").strip()
    if not given:
        return None
    if not given.isdecimal() or int(given) == 0:
        raise InvalidRequestError(f"{MACHINE_MEMORY}={given!r} is not a whole number of GB above 0. Correct it.")
    return int(given)


_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|\\|[\x00-\x1f\x7f\ud800-\udfff]|(?<![^/])_delta_log(?![^/])")
"""Parts of a path that the Delta library decodes, splits or refuses: escapes, backslashes, control characters, bytes
that are not UTF-8, and a folder with the name of a table's log."""


@dataclass(frozen=True)
class Settings:
    """Every location outside the process that this project reads or writes."""

    home: Path
    """All local state (`AIRWORTHY_HOME`, default `.airworthy` in the repository); git-ignored."""
    lake: str
    """Root of the Delta tables and the ledger (`AIRWORTHY_LAKE`): a folder, or `s3://bucket/prefix`."""
    mlflow: str
    """Address of the MLflow server (`MLFLOW_TRACKING_URI`, default the local one's port on loopback)."""
    data_docs: str
    """Root of Great Expectations' pages (`AIRWORTHY_DATA_DOCS`): a folder, or `s3://bucket/prefix`."""
    use_case_packages: tuple[str, ...]
    """Packages whose members declare a `USE_CASE` (`AIRWORTHY_USE_CASE_PACKAGES`, comma separated)."""
    use_cases_folder: Path | None = None
    """A folder of use cases, such as that of a team's own repository (`AIRWORTHY_USE_CASES`). It is the only package
    then, and need not be on Python's path."""
    feature_group_packages: tuple[str, ...] = ("include.feature_groups",)
    """Packages whose members declare a `FEATURE_GROUP` (`AIRWORTHY_FEATURE_GROUP_PACKAGES`, comma separated)."""
    feature_groups_folder: Path | None = None
    """A folder of feature groups (`AIRWORTHY_FEATURE_GROUPS`); by default `feature_groups` next to the folder of use
    cases, if there is one. It is the only package then."""
    spark_master: str = "local[*]"
    """Where Spark runs (`AIRWORTHY_SPARK_MASTER`): on this machine, or a cluster's address such as
    `spark://host:7077`."""
    dask_scheduler: str = ""
    """Address of the scheduler of a Dask cluster (`AIRWORTHY_DASK_SCHEDULER`), such as `tls://scheduler:8786`, for
    trainings whose use case declares `Dask`; empty: workers on this machine."""
    writes_data_docs: bool = False
    """Whether each validation also writes Great Expectations' page (`AIRWORTHY_WRITE_DATA_DOCS`)."""
    airflow: str = ""
    """Address of Airflow for a browser (`AIRFLOW__API__BASE_URL`); empty if it is not set."""

    @property
    def mlflow_shown(self) -> str:
        """Return MLflow's address for a browser, without credentials.

        127.0.0.1 is replaced by `localhost`: a browser sends cookies of 127.0.0.1 to all its ports, and Airflow's page
        is opened at that address.
        """
        return re.sub(r"^(https?://)127\.0\.0\.1(?=[:/]|$)", r"\1localhost", shown_address(self.mlflow))


def current_settings() -> Settings:
    """Return the settings of the present environment.

    Raises:
        InvalidRequestError: a location is invalid, or MLflow's address contains credentials.
    """
    env = os.environ
    home = Path(env.get("AIRWORTHY_HOME") or REPOSITORY / ".airworthy").expanduser().resolve()
    packages = env.get("AIRWORTHY_USE_CASE_PACKAGES") or "include.use_cases"
    groups = env.get("AIRWORTHY_FEATURE_GROUP_PACKAGES") or "include.feature_groups"
    folder = _package_folder("AIRWORTHY_USE_CASES")
    groups_folder = _package_folder("AIRWORTHY_FEATURE_GROUPS")
    if folder is not None:
        packages, sibling = folder.name, folder.with_name("feature_groups")
        groups_folder = groups_folder or (sibling if sibling.is_dir() else None)
    if groups_folder is not None:
        groups = groups_folder.name
    return Settings(
        home=home,
        lake=storage_setting("AIRWORTHY_LAKE", home / "lake"),
        mlflow=_mlflow(env.get("AIRWORTHY_MLFLOW_PORT") or "5000"),
        data_docs=storage_setting("AIRWORTHY_DATA_DOCS", home / "data_docs"),
        use_case_packages=_names(packages),
        use_cases_folder=folder,
        feature_group_packages=_names(groups),
        feature_groups_folder=groups_folder,
        spark_master=env.get("AIRWORTHY_SPARK_MASTER") or "local[*]",
        dask_scheduler=env.get("AIRWORTHY_DASK_SCHEDULER") or "",
        writes_data_docs=_is_on("AIRWORTHY_WRITE_DATA_DOCS"),
        airflow=shown_address(env.get("AIRFLOW__API__BASE_URL") or "").rstrip("/"),
    )


def _is_on(variable: str) -> bool:
    """Return whether a variable is `true`; not set, empty or `false`: it is not.

    Raises:
        InvalidRequestError: it is anything else.
    """
    given = os.environ.get(variable, "").strip().lower()
    if given not in ("", "true", "false"):
        raise InvalidRequestError(f"{variable}={given!r} is neither true nor false. Correct it.")
    return given == "true"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _package_folder(variable: str) -> Path | None:
    """Return the folder that a variable names as a package; None if it is not set.

    Raises:
        InvalidRequestError: it is no folder, or its name is not that of a package.
    """
    if not os.environ.get(variable):
        return None
    folder = Path(os.environ[variable]).expanduser().resolve()
    if not folder.name.isidentifier() or not folder.is_dir():
        raise InvalidRequestError(
            f"{variable}={str(folder)!r} is no folder whose name can be that of a Python package, such as"
            f" /srv/team/{variable.removeprefix('AIRWORTHY_').lower()}."
        )
    return folder


def downloads_folder() -> Path:
    """Return the folder for downloads of a use case's source.

    It can be removed at any time.
    """
    return current_settings().home / "source"


def _mlflow(port: str) -> str:
    """Return MLflow's address.

    Raises:
        InvalidRequestError: it has a user or a password, which MLflow's errors would write to logs.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"http://127.0.0.1:{port}"
    scheme, _, rest = address.partition("://")
    if "@" in rest and not rest.startswith("/"):  # anywhere: a password may hold a slash, and a file path an @
        raise InvalidRequestError(
            f"MLFLOW_TRACKING_URI={f'{scheme}://…'!r} has a user or a password in it, which would reach logs. Set it to"
            " the address alone, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    return address


def storage_setting(name: str, default: Path) -> str:
    """Return the location that a variable sets: S3 address or absolute folder.

    A relative folder is made absolute, because services run in other working directories.

    Raises:
        InvalidRequestError: the address is of another kind or has no bucket, or the Delta library would misread the
            name.
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
    if misread := _MISREAD.search(value):
        setting = name if os.environ.get(name) else f"AIRWORTHY_HOME, or {name},"
        raise InvalidRequestError(
            f"The folder {value!r} has {misread[0]!r} in its name, which the Delta library misreads, so that files"
            f" would be searched elsewhere. Set {setting} to a folder without it."
        )
    return value


def shown_address(address: str) -> str:
    """Return a web address without credentials and final slash.

    Empty if a browser cannot open it. The full address must never be shown: it may be that of a database and contain a
    password.
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
