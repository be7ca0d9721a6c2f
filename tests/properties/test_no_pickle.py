"""Nothing that is loaded can bring code with it: no pickle, whatever somebody has put into the registry."""

import ast
import os
import pickle
import shutil
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from include.errors import AirworthyError
from include.settings import REPOSITORY
from include.stages import reproduce, score
from include.storage.models import Registry
from tests import toy

DAY = date(2020, 3, 2)
LOADERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "skops", "jsonpickle"}
LOADING_CALLS = {"load_model", "read_pickle", "to_pickle", "load_context", "eval", "exec", "__import__"}
FILES = ("model.lgb", "airworthy/encoding.json", "airworthy/baselines.json", "MLmodel")


class Evil:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def artifacts(version: str) -> Path:
    """The folder in which MLflow keeps a version's model."""
    registry = Registry(toy.USE_CASE)
    found = registry._client.get_logged_model(registry.version(version).model_id).artifact_location
    return Path(found.removeprefix("file://"))


@pytest.fixture(scope="module")
def audited() -> list[str]:
    """What Python's own audit says was unpickled; a hook cannot be removed, so there is one."""
    seen: list[str] = []
    sys.addaudithook(lambda event, args: seen.append(f"{args[0]}.{args[1]}") if event == "pickle.find_class" else None)
    return seen


@pytest.fixture
def unpickled(audited: list[str]) -> list[str]:
    """The same, of this test."""
    audited.clear()
    return audited


def test_the_trap_works(tmp_path, unpickled):
    pickle.loads(pickle.dumps(Evil(tmp_path / "marker")))
    assert (tmp_path / "marker").is_dir() and any("mkdir" in name for name in unpickled)


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_the_place_of_a_file_of_the_model_is_refused_or_never_opened(
    champion, lake_home, tmp_path, unpickled, name
):
    (artifacts(champion) / name).write_bytes(pickle.dumps(Evil(tmp_path / "marker")))
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    if name == "MLmodel":  # nothing here believes what it says of how to load the model
        assert score.run(toy.USE_CASE, DAY).rows
    else:
        with pytest.raises(AirworthyError, match=name.split("/")[-1]):
            score.run(toy.USE_CASE, DAY)
        with pytest.raises(AirworthyError):
            Registry(toy.USE_CASE).load_anew(Registry(toy.USE_CASE).version(champion))
    assert not (tmp_path / "marker").exists() and not unpickled


def test_a_model_that_asks_to_be_loaded_by_code_of_its_own_is_read_as_text(champion, lake_home, tmp_path, unpickled):
    folder, marker = artifacts(champion), tmp_path / "marker"
    (folder / "python_model.pkl").write_bytes(pickle.dumps(Evil(marker)))
    (folder / "code").mkdir()
    (folder / "code" / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: evil\n    code: code\n    python_model: python_model.pkl\n"
    )
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    assert score.run(toy.USE_CASE, DAY).rows
    assert reproduce.require(toy.USE_CASE, champion)
    assert not marker.exists() and "evil" not in sys.modules
    assert not [name for name in unpickled if "mkdir" in name]


def test_no_code_of_ours_knows_how_to_unpickle():
    guilty = []
    for path in [*(REPOSITORY / "include").rglob("*.py"), *(REPOSITORY / "dags").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0], *(alias.name for alias in node.names)} & (
                    LOADERS | LOADING_CALLS
                )
            elif isinstance(node, ast.Call):
                called = node.func
                names = {called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")}
                names &= LOADING_CALLS
            else:
                continue
            guilty += [f"{path.relative_to(REPOSITORY)}: {name}" for name in names & (LOADERS | LOADING_CALLS)]
    assert not guilty


def test_a_version_whose_source_leads_elsewhere_is_refused(champion):
    found = Registry(toy.USE_CASE).version(champion)
    for source in ("../../elsewhere", "/etc", ".."):
        with pytest.raises(AirworthyError, match="is no name of anything"):
            Registry(toy.USE_CASE).load(replace(found, model_id=source))
