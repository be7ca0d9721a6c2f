"""The declared engine is used, and no other is imported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from include.declaration.problems import DeclarationError
from include.registry import code_digest
from include.registry.code_parts import code_parts, describe_changes
from include.settings import REPOSITORY
from tests.toy_use_case import USE_CASE

ON_SPARK = replace(USE_CASE, engine="spark")


def test_an_unknown_engine_is_refused():
    with pytest.raises(DeclarationError, match="engine"):
        replace(USE_CASE, engine="flink")


def test_spark_is_not_imported_unless_it_is_declared():
    """Great Expectations imports `pyspark` itself where it is installed."""
    program = (
        "import sys, include.features.build, include.features.materialize, include.features.engine\n"
        "of_spark = ('include.features.spark', 'ibis.backends.pyspark')\n"
        "assert not [name for name in sys.modules if name.startswith(of_spark)]"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


@pytest.mark.parametrize("table", ["features", "labels"])
def test_another_engine_is_other_code_of_what_it_builds(table):
    digests = [code_digest.table_code_digest(use_case, table) for use_case in (USE_CASE, ON_SPARK)]
    assert digests[0] != digests[1]
    changes = describe_changes(code_parts(USE_CASE, table), code_parts(ON_SPARK, table))
    assert [change for change in changes if change.startswith("declared engine.name")], changes


@pytest.mark.parametrize("table", ["raw/events", "checked/events"])
def test_feeds_do_not_depend_on_the_engine(table):
    assert code_digest.table_code_digest(USE_CASE, table) == code_digest.table_code_digest(ON_SPARK, table)


def test_what_only_spark_runs_is_no_code_of_other_use_cases():
    covered = code_digest.covered_modules(USE_CASE, "features")
    assert "include.features.engine" in covered
    assert not [name for name in covered if name.startswith("include.features.spark")]
    assert "include.features.spark.compiler" in code_digest.covered_modules(ON_SPARK, "spark")
