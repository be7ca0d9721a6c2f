"""Name the engines that can compute features.

Imports nothing heavy.
"""

from __future__ import annotations

from typing import Literal

Engine = Literal["duckdb", "spark"]
DUCKDB: Engine = "duckdb"
SPARK: Engine = "spark"
