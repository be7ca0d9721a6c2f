"""What becomes known later changes no training set and no seasonal baseline of any task."""

from __future__ import annotations

import pyarrow as pa
import pytest

from include.declaration.period import period_range
from include.lake.lake import Lake
from include.model import lightgbm_params, splits
from include.project import open_project
from include.training import dataset, train
from tests.toys import Toy, every_toy

pytestmark = pytest.mark.slow


def change_the_future(toy: Toy) -> int:
    """Reverse the labels that become known after the champion's day, and drop some; how many rows changed."""
    lake, name, changed = Lake.open(toy.use_case), toy.use_case.label.name, 0
    for period in period_range(toy.as_of + 1, toy.last):
        rows = lake.as_of(period).read("labels", period, period).drop_columns(["period"])
        if not rows.num_rows:
            continue
        values = pa.chunked_array([rows[name].combine_chunks()[::-1]])
        changed += sum(not before.equals(after) for before, after in zip(rows[name], values, strict=True))
        rows = rows.set_column(rows.schema.get_field_index(name), name, values).slice(1)
        lake.replace("labels", period, rows, inputs={}, stage="labels")
    return changed


@every_toy
def test_a_training_reads_the_same_after_every_later_label_has_changed(toy: Toy, toy_lake):
    use_case = toy.use_case
    first, last = splits.training_window(use_case, toy.as_of)

    def read() -> tuple[pa.Table, str]:
        view = open_project(use_case).lake.as_of(toy.as_of)
        chosen = lightgbm_params.merge_parameters(use_case, None)
        made_from = train.training_inputs(use_case, view, first, last, chosen)
        return dataset.labelled_rows(use_case, view, first, last, use_case.keys), made_from.fingerprint

    before = read()
    assert change_the_future(toy) > 0
    after = read()
    assert after[0].equals(before[0]) and after[1] == before[1]
