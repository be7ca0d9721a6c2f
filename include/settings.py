"""Where things are, from the environment: one frozen object, read anew by whoever needs it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Every place outside the process that this project reads or writes."""

    home: Path
    """All local state (`AIRWORTHY_HOME`, default `.airworthy` in the repository); git-ignored."""
    lake: str
    """Root of the Delta tables and the ledger (`AIRWORTHY_LAKE`): a folder."""
    mlflow: str
    """Address of the MLflow server (`MLFLOW_TRACKING_URI`, default the local one's port on loopback)."""
    data_docs: Path
    """Root of the validation pages (`AIRWORTHY_DATA_DOCS`)."""
    use_case_packages: tuple[str, ...]
    """Packages whose members declare a `USE_CASE` (`AIRWORTHY_USE_CASE_PACKAGES`, comma separated)."""


def current() -> Settings:
    """The settings of the environment as it is now."""
    env = os.environ
    home = Path(env.get("AIRWORTHY_HOME") or REPOSITORY / ".airworthy").expanduser().resolve()
    packages = env.get("AIRWORTHY_USE_CASE_PACKAGES") or "include.use_cases"
    return Settings(
        home=home,
        lake=env.get("AIRWORTHY_LAKE") or str(home / "lake"),
        mlflow=env.get("MLFLOW_TRACKING_URI") or f"http://127.0.0.1:{env.get('AIRWORTHY_MLFLOW_PORT') or 5000}",
        data_docs=Path(env.get("AIRWORTHY_DATA_DOCS") or home / "data_docs"),
        use_case_packages=tuple(name.strip() for name in packages.split(",") if name.strip()),
    )
