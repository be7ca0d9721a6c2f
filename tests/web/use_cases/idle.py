"""A use case that was never run, and joins the features of a group."""

import dataclasses

from include.use_case import Use
from tests import toy_use_case

USE_CASE = dataclasses.replace(
    toy_use_case.USE_CASE,
    name="idle",
    notice="",
    feature_groups=(Use("kind_quality", on=("kind",), features=("recent_defects",), prefix="kind_"),),
)
