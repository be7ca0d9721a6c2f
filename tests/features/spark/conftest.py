"""One Spark session for all tests of a process, as for all steps of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Return Ibis' connection to Spark on two cores; skip where `make engines` was not run."""
    pytest.importorskip("pyspark", reason="Spark is not installed: make engines")
    from include.features.spark.session import spark_backend

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_SPARK_MASTER", "local[2]")
        backend = spark_backend()
    yield backend
    left = [name for name in ("spark-warehouse", "metastore_db", "derby.log") if Path(name).exists()]
    assert left == [], "Spark writes nothing into the working directory"
