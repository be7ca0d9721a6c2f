"""How predictions are computed is declared, and a wrong declaration is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.declaration.problems import DeclarationError
from include.training import spec
from include.use_case import Scoring
from tests.toy_use_case import USE_CASE


@pytest.mark.parametrize("rows", [0, -1])
def test_a_shard_has_rows(rows):
    with pytest.raises(DeclarationError) as refused:
        Scoring(shard_rows=rows)
    assert [problem.path for problem in refused.value.problems] == ["shard_rows"]


@pytest.mark.parametrize("rows", [1.5, "many"])
def test_the_rows_of_a_shard_are_a_whole_number(rows):
    with pytest.raises(DeclarationError):
        Scoring(shard_rows=rows)


@pytest.mark.parametrize("scoring", [Scoring(compiled=True), Scoring(shard_rows=1)])
def test_how_predictions_are_computed_is_no_part_of_a_training(scoring):
    assert spec.declaration_values(replace(USE_CASE, scoring=scoring)) == spec.declaration_values(USE_CASE)
