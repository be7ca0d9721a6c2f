"""How long a request to S3 is tried again, by boto3 and by deltalake alike: longer than a server takes to restart."""

from __future__ import annotations

from typing import Any

RETRIES = 7
"""After a connection that failed and an answer 429, 500 or 503; with growing pauses, 30 to 60 seconds in all."""
FIRST_PAUSE, LONGEST_PAUSE = "2s", "8s"
"""Of deltalake, whose pauses are random between the first and twice the one before."""


def patient_config() -> Any:
    """Return botocore's configuration of a client that outlasts the restart of its server."""
    from botocore.config import Config

    # The mode "standard" begins with pauses of 0.05 s, and all threads of a client share a quota of 35 retries: too
    # little for a server that restarts. In this mode the pauses are random, up to 1, 2, 4 … 64 s.
    retries = {"mode": "legacy", "total_max_attempts": RETRIES + 1}
    return Config(retries=retries, connect_timeout=10, read_timeout=60)
