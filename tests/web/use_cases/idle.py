"""A use case that was never run."""

import dataclasses

from tests import toy_use_case

USE_CASE = dataclasses.replace(toy_use_case.USE_CASE, name="idle", notice="")
