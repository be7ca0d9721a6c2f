"""The toy use case with the deadline as it is shipped: hours away."""

from __future__ import annotations

from dataclasses import replace

from tests import toy_use_case

USE_CASE = replace(toy_use_case.USE_CASE, name="patient", package="tests.toy_use_case")
