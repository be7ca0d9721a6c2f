"""Nothing that is loaded can contain code: no pickle, whatever is in the registry."""

import ast
import os
import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from include.errors import AirworthyError
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.scoring import score
from include.settings import REPOSITORY
from include.use_case import UseCase
from tests.refusals import raises
from tests.toys import every_toy_slow

pytestmark = pytest.mark.security

LOADERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "skops", "jsonpickle"}
LOADERS |= {"torch", "yaml"}
LOADING_CALLS = {"load_model", "read_pickle", "to_pickle", "load_context", "eval", "exec", "__import__"}
LOADING_CALLS |= {"unsafe_load", "full_load", "allow_pickle", "PyExtensionType", "UnknownExtensionType"}
"""Of functions, methods, and arguments of any: numpy's files hold pickles where `allow_pickle` lets them."""
FILES = ("model.lgb", "airworthy/encoding.json", "airworthy/baselines.json", "code/*.py", "MLmodel")


class Evil:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def artifacts(use_case: UseCase, version: str) -> Path:
    """The folder in which MLflow keeps a version's model."""
    registry = Registry(use_case)
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


@every_toy_slow
@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_the_place_of_a_file_of_the_model_is_refused(champion, lake_home, tmp_path, unpickled, name, toy):
    [place] = artifacts(toy.use_case, champion).glob(name)
    place.write_bytes(pickle.dumps(Evil(tmp_path / "marker")))
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    with pytest.raises(AirworthyError, match=place.name):
        score.score_period(open_project(toy.use_case), toy.as_of)
    with pytest.raises(AirworthyError):
        Registry(toy.use_case).reload(Registry(toy.use_case).version(champion))
    assert not (tmp_path / "marker").exists() and not unpickled


@every_toy_slow
def test_a_model_that_asks_to_be_loaded_by_code_of_its_own_is_refused(champion, lake_home, tmp_path, unpickled, toy):
    folder, marker = artifacts(toy.use_case, champion), tmp_path / "marker"
    (folder / "python_model.pkl").write_bytes(pickle.dumps(Evil(marker)))
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: evil\n    code: code\n    python_model: python_model.pkl\n"
    )
    shutil.rmtree(lake_home / "models", ignore_errors=True)
    with pytest.raises(AirworthyError, match=r"MLmodel|python_model\.pkl"):
        score.score_period(open_project(toy.use_case), toy.as_of)
    assert not marker.exists() and "evil" not in sys.modules
    assert not [name for name in unpickled if "mkdir" in name]


def loaders(code: str) -> set[str]:
    """The names of what could unpickle in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Call):
            called = node.func
            found |= {called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")} & LOADING_CALLS
            found |= {argument.arg or "" for argument in node.keywords} & LOADING_CALLS
    return found & (LOADERS | LOADING_CALLS)


def test_no_code_of_ours_knows_how_to_unpickle():
    paths = [REPOSITORY.joinpath(part).rglob("*.py") for part in ("include", "dags", "plugins", "config")]
    guilty = {path.relative_to(REPOSITORY): loaders(path.read_text()) for found in paths for path in found}
    assert len(guilty) > 100
    assert not {path: names for path, names in guilty.items() if names}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import numpy as np\nnp.load(path, allow_pickle=True)", "allow_pickle"),
        ("import yaml\nyaml.load(text, yaml.Loader)", "yaml"),
        ("from yaml import unsafe_load as read", "yaml"),
        ("import torch.serialization", "torch"),
        ("from pickle import loads", "pickle"),
        ("frame.to_pickle(path)", "to_pickle"),
        ("pa.UnknownExtensionType(pa.int64(), content)", "UnknownExtensionType"),
    ],
)
def test_code_that_could_unpickle_is_found(code, name):
    assert name in loaders(code)


@every_toy_slow
def test_a_version_whose_source_leads_elsewhere_is_refused(champion, toy):
    found = Registry(toy.use_case).version(champion)
    for source in ("../../elsewhere", "/etc", ".."):
        with raises(AirworthyError, source):
            Registry(toy.use_case).load(replace(found, model_id=source))
