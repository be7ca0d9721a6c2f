"""A count regression with intervals, with some weeks of metrics."""

from tests.toys import COUNTS

USE_CASE = COUNTS.use_case
