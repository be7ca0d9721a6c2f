"""Tell errors of a computation in Spark from those of its machines."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from include.errors import AirworthyError

_LONGEST = 600
_CONDITION = re.compile(r"\[[A-Z0-9_.]+\](?:(?!\n\tat ).)*?SQLSTATE: (?!XX|08|5)\w{5}", re.DOTALL)
"""Spark's name, text and state of an error of an expression or a value; not of its own failures."""


class SparkComputationError(ValueError):
    """Spark refused an expression or a value: another try raises it again."""


class SparkFailedError(AirworthyError):
    """Spark ended, or lost a part of its work: another try may succeed."""

    retryable = True

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(
            f"Spark failed: {cause}. Nothing was written. If it lacked memory, give its processes more in"
            " spark-defaults.conf (spark.driver.memory, spark.executor.memory), and run the step again."
        )


_CAUSE = re.compile(r"^Caused by: (.+)$", re.MULTILINE)


@contextlib.contextmanager
def translate_error() -> Iterator[None]:
    """Raise errors of Spark in the block as errors of ours, in a few words.

    Raises:
        SparkComputationError: an expression or a value is wrong.
        SparkFailedError: anything else.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import IllegalArgumentException, PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        condition = _CONDITION.search(str(error))
        if condition or isinstance(error, IllegalArgumentException):
            raise SparkComputationError(_shortened(condition[0] if condition else str(error))) from error
        raise SparkFailedError(_shortened(str(error))) from error
    except (ConnectionError, EOFError) as error:
        raise SparkFailedError(_shortened(str(error))) from error


def _shortened(message: str) -> str:
    """Return a message's cause without Java's stack of calls."""
    cause = _CAUSE.findall(message)
    return " ".join((cause[-1] if cause else message.partition("\n\tat ")[0]).split())[:_LONGEST]
