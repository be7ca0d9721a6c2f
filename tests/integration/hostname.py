"""The name of the machine, where several services share one that would have a container each."""

from __future__ import annotations

import os


def get() -> str:
    """Airflow's `hostname_callable`: the name of the service that this process belongs to."""
    return os.environ["AIRWORTHY_SERVICE"]
