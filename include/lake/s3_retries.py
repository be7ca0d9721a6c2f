"""Define the retries of S3 requests, which outlast the restart of a server."""

from __future__ import annotations

from typing import Any

RETRIES = 7
"""Retries after a failed connection or an answer 429, 500 or 503; with growing pauses, 30 to 60 seconds in total."""
FIRST_PAUSE, LONGEST_PAUSE = "2s", "8s"
"""Pauses of deltalake: random between the first pause and twice the previous one."""


def patient_config() -> Any:
    """Return a client's botocore configuration that survives a server's restart."""
    from botocore.config import Config

    # The mode "standard" starts with pauses of 0.05 s, and all threads of a client share a quota of 35 retries: not
    # enough for a server that restarts. In this mode the pauses are random, up to 1, 2, 4 … 64 s.
    retries = {"mode": "legacy", "total_max_attempts": RETRIES + 1}
    return Config(retries=retries, connect_timeout=10, read_timeout=60)
