"""Five classes, with some weeks of metrics."""

from tests.toys import GRADES

USE_CASE = GRADES.use_case
