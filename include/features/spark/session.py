"""Start Spark once per process, or say what is missing."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.errors import InvalidRequestError
from include.settings import current_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from include.features.spark.backend import SparkBackend

OLDEST_JAVA = 17
BATCH_ROWS = 65_536
"""Rows of a batch that Spark hands to this process."""
_VERSION = re.compile(r'version "(\d+)')
_ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # an overflow or an impossible cast is an error, as in DuckDB
    "spark.sql.catalogImplementation": "in-memory",  # no Hive: no metastore_db
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",  # dates before 1582 are those of the file
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "FATAL",
}
_ON_THIS_MACHINE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",  # Java holds a few partitions of the result at once
}


class SparkMissingError(InvalidRequestError):
    """A use case declares Spark, which cannot start on this machine."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f'engine="spark" is declared, but {what}. Run `make engines`, which installs Spark\'s packages, and install'
            f' Java {OLDEST_JAVA} (Debian: apt-get install openjdk-17-jre-headless); or declare engine="duckdb".'
        )


def cluster_master() -> str:
    """Return the address of the cluster; empty if Spark runs on this machine."""
    master = current_settings().spark_master
    return "" if master.startswith("local") else master


def require_spark() -> None:
    """Check that Spark's packages and Java are installed; start nothing of Spark.

    Raises:
        SparkMissingError: one is not; names it.
    """
    if missing := what_is_missing(os.environ, is_installed=importlib.util.find_spec("pyspark") is not None):
        raise SparkMissingError(missing)


def what_is_missing(environment: Mapping[str, str], *, is_installed: bool) -> str:
    """Return what Spark lacks, as a part of a sentence; empty if nothing.

    `is_installed` says whether its packages are.
    """
    if not is_installed:
        return "the package pyspark is not installed"
    home = environment.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java", path=environment.get("PATH"))
    if java is None:
        return f"there is no Java in {home}, the folder of JAVA_HOME" if home else "there is no Java"
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = _VERSION.search(answer.stderr + answer.stdout)
    is_new = version is not None and int(version[1]) >= OLDEST_JAVA
    return "" if is_new else f"{java} is Java {version[1] if version else 'of an unknown version'}"


@functools.cache
def spark_backend() -> SparkBackend:
    """Return the connection to this process's Spark session; start it if needed.

    Spark ends with the process, also when that is killed, and removes its temporary files. Memory and other settings
    are those of Spark's own `spark-defaults.conf` (`SPARK_CONF_DIR`).

    Raises:
        SparkMissingError: Spark's packages or Java are not installed.
    """
    require_spark()
    from include.features.spark.backend import SparkBackend

    SparkBackend.register_options()  # which its compiler reads
    backend = SparkBackend()
    backend.do_connect(_started())
    return backend


def _started() -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("airworthy").master(current_settings().spark_master)
    # The folder is not created, since no table is. By default it would be in the working directory.
    warehouse = f"{tempfile.gettempdir()}/airworthy-no-warehouse-{os.getpid()}"
    settings = _ALWAYS | {"spark.sql.warehouse.dir": warehouse}
    if not cluster_master():
        settings |= _ON_THIS_MACHINE | {"spark.local.dir": tempfile.gettempdir()}  # in folders that only it may enter
        # Otherwise its Python processes would be those of the first `python3` of the path.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for name, value in settings.items():
        builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    atexit.register(_stop, session)
    return session


def _stop(session: SparkSession) -> None:
    """Stop Spark, unless its process has ended before."""
    with contextlib.suppress(Exception):
        session.stop()
