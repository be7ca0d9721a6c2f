"""The stored pyfunc model: it reads the lake's features and predicts what our scoring writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include import settings
from include.lake.lake import Lake
from include.model import portable
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.scoring import score
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE, source

FEATURES = list(USE_CASE.features)
SPOILT = {
    0: {"kind": "unheard of", "size": None},
    1: {"kind": None, "size": 9.5},
    2: {"hour": None},
    3: {"urgent": None},
    4: {"kind": None, "size": None, "hour": None, "urgent": None},
}
"""Rows of the scored day that lack values, or have a category that no training has seen."""
AS_PANDAS = {
    "as pandas has it": lambda rows: rows.to_pandas(),
    "backed by Arrow": lambda rows: rows.to_pandas(types_mapper=pd.ArrowDtype),
    "nullable": lambda rows: rows.to_pandas().convert_dtypes(),
    "categorical": lambda rows: rows.to_pandas().assign(kind=lambda frame: frame["kind"].astype("category")),
    "objects": lambda rows: rows.to_pandas().astype(object),
    "columns in another order": lambda rows: rows.to_pandas()[["urgent", "id", "size", "kind", "hour", "event_date"]],
}


@pytest.fixture
def scored(champion) -> pa.Table:
    """Return a day's features, some without values, after our own scoring of the day."""
    schema = source.everything(AS_OF).drop_columns(["failed"]).schema
    rows = source.everything(AS_OF).drop_columns(["failed"]).to_pylist()
    for place, values in SPOILT.items():
        rows[place] |= values
    lake = Lake.open(USE_CASE)
    lake.replace("features", AS_OF, pa.Table.from_pylist(rows, schema=schema), inputs={}, stage="a test")
    score.score_period(open_project(USE_CASE), AS_OF)
    return lake.as_of(AS_OF).read("features", AS_OF, order_by=USE_CASE.keys).drop(["period"])


@pytest.fixture
def written(scored) -> pa.Table:
    return Lake.open(USE_CASE).as_of(AS_OF).read("predictions", AS_OF, order_by=USE_CASE.keys)


@pytest.fixture
def loaded(champion, configure):
    """The champion as anybody loads it."""
    # Not mlflow.set_registry_uri: what it leaves in the environment sends later clients to this test's registry.
    configure(mlflow=settings.current_settings().mlflow, mlflow_registry=settings.current_settings().mlflow)
    return mlflow.pyfunc.load_model(f"models:/{USE_CASE.name}@champion")


@pytest.mark.parametrize("kind", AS_PANDAS)
def test_mlflows_champion_predicts_what_scoring_has_written_bit_for_bit(loaded, scored, written, kind):
    found = loaded.predict(AS_PANDAS[kind](scored))
    assert found["probability"].to_numpy().tobytes() == written["probability"].to_numpy().tobytes()
    assert found["predicted_positive"].tolist() == written["predicted_positive"].to_pylist()


def test_rows_keep_their_index_and_no_rows_are_no_predictions(loaded, scored):
    frame = scored.to_pandas().set_index("id")
    assert loaded.predict(frame.iloc[5:8]).index.tolist() == [5, 6, 7]
    assert len(loaded.predict(frame.iloc[:0])) == 0


def test_a_missing_column_is_named(loaded, scored):
    with pytest.raises(mlflow.MlflowException, match=r"missing inputs \['hour'\]"):
        loaded.predict(scored.to_pandas().drop(columns="hour"))


def test_a_value_that_its_declared_type_cannot_hold_is_refused_and_never_cut_off(loaded, scored):
    frame = scored.to_pandas().assign(hour=0.75)
    with pytest.raises(ValueError, match=r"'hour' .*int32"):
        loaded.predict(frame)


def test_it_loads_where_the_project_is_not_and_predicts_the_same(champion, scored, written, tmp_path):
    found = Registry(USE_CASE).version(champion)
    place = Registry(USE_CASE)._client.get_logged_model(found.model_id).artifact_location
    folder = shutil.copytree(place.removeprefix("file://"), tmp_path / "elsewhere")
    scored.to_pandas().to_parquet(tmp_path / "rows.parquet")
    script = f"""
        import importlib.util, mlflow, pandas, sys
        assert importlib.util.find_spec("include") is None
        model = mlflow.pyfunc.load_model({str(folder)!r})
        found = model.predict(pandas.read_parquet({str(tmp_path / "rows.parquet")!r}))
        found.to_parquet({str(tmp_path / "found.parquet")!r})
        assert not any(name.split(".")[0] == "include" for name in sys.modules)
    """
    command = [sys.executable, "-I", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    probability = pd.read_parquet(tmp_path / "found.parquet")["probability"].to_numpy()
    assert probability.tobytes() == written["probability"].to_numpy().tobytes()


def test_the_code_next_to_a_model_belongs_to_what_was_registered(champion, lake_home):
    registry = Registry(USE_CASE)
    place = registry._client.get_logged_model(registry.version(champion).model_id).artifact_location
    [code] = Path(place.removeprefix("file://")).glob("code/*.py")
    assert code.read_text() == Path(portable.__file__).read_text()
    code.write_text("print('anything')\n")
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    with pytest.raises(ArtifactMissingError) as refused:
        score.score_period(open_project(USE_CASE), AS_OF)
    assert refused.value.what.startswith(f"code/{code.name}: ")


def test_the_file_that_is_kept_with_a_model_imports_nothing_of_the_project():
    text = Path(portable.__file__).read_text()
    assert "from include" not in text and "import include" not in text


def test_a_row_is_warned_of_from_the_very_threshold_on(tmp_path):
    rows = lightgbm.Dataset(np.arange(40.0).reshape(-1, 1), np.arange(40) % 2, params={"verbosity": -1})
    lightgbm.train({"objective": "binary", "verbosity": -1}, rows, 3).save_model(tmp_path / "model.lgb")
    (tmp_path / "airworthy").mkdir()
    encoding = {"features": [{"name": "size", "type": "float64"}], "vocabulary": {}}
    (tmp_path / "airworthy" / "encoding.json").write_text(json.dumps(encoding))
    frame = pd.DataFrame({"size": [20.0]})

    def predicted(threshold: float) -> pd.DataFrame:
        (tmp_path / "airworthy" / "decision.json").write_text(json.dumps({"threshold": threshold}))
        return portable.PortableModel(tmp_path).predict(frame)

    [probability] = predicted(0.5)["probability"]
    assert predicted(probability)["predicted_positive"].tolist() == [True]
    assert predicted(np.nextafter(probability, 1))["predicted_positive"].tolist() == [False]


def test_whole_numbers_and_truths_next_to_a_null_are_read_as_declared():
    frame = pd.DataFrame({"count": [1.0, np.nan], "on": pd.Series([True, None], dtype=object), "off": [1.0, np.nan]})
    read = {"count": "int8", "on": "bool", "off": "bool"}
    assert {name: portable._column(frame, name, kind).to_pylist() for name, kind in read.items()} == {
        "count": [1, None], "on": [True, None], "off": [True, None],
    }  # fmt: skip


@pytest.mark.parametrize("value", ["false", "0", "", 0.5, 2, -1, "True"])
def test_what_is_no_truth_is_refused_and_never_taken_for_one(value):
    with pytest.raises(ValueError, match=r"'on' .*bool"):
        portable._column(pd.DataFrame({"on": pd.Series([True, value], dtype=object)}), "on", "bool")


@pytest.mark.parametrize("values", [[1, 0], [1.0, 0.0], [np.int8(1), np.float32(0)], [np.True_, np.False_]])
def test_truths_may_be_written_as_one_and_nought(values):
    frame = pd.DataFrame({"on": pd.Series(values, dtype=object)})
    assert portable._column(frame, "on", "bool").to_pylist() == [True, False]
