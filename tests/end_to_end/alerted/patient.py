"""The toy use case with the default deadline of several hours."""

from __future__ import annotations

from dataclasses import replace

from tests import toy_use_case

USE_CASE = replace(toy_use_case.USE_CASE, name="patient", package="tests.toy_use_case")
