"""A quantile of counts, with intervals, with some weeks of metrics."""

from tests.toys import QUANTILE

USE_CASE = QUANTILE.use_case
