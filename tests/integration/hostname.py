"""Give each service its own host name, as if it had its own container."""

from __future__ import annotations

import os


def get() -> str:
    """Airflow's `hostname_callable`: the name of the service that this process belongs to."""
    return os.environ["AIRWORTHY_SERVICE"]
