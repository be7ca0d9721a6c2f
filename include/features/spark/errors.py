"""Tell errors of a computation in Spark from those of its machines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from include.errors import AirworthyError

_LONGEST = 600


class SparkComputationError(ValueError):
    """Spark refused an expression or a value: another try raises it again."""


class SparkFailedError(AirworthyError):
    """Spark ended, or lost a part of its work: another try may succeed."""

    retryable = True

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(
            f"Spark failed: {cause} Nothing was written. If it lacked memory, give its processes more in"
            " spark-defaults.conf (spark.driver.memory, spark.executor.memory), and run the step again."
        )


@contextlib.contextmanager
def translate_error() -> Iterator[None]:
    """Raise errors of Spark in the block as errors of ours, in a few words.

    Raises:
        SparkComputationError: an expression or a value is wrong.
        SparkFailedError: anything else.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        if error.getCondition() and not str(error.getSqlState() or "XX").startswith("XX"):
            raise SparkComputationError(_first_line(error)) from error
        raise SparkFailedError(_first_line(error)) from error
    except (Py4JError, ConnectionError, EOFError) as error:
        raise SparkFailedError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """Return a message without its stack of Java's calls."""
    return " ".join(str(error).partition("\n\tat ")[0].split())[:_LONGEST]
