"""Model files that differ from the trained ones are refused before LightGBM or other code reads them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import lightgbm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import settings
from include.registry import model_io
from include.registry.mlflow_registry import Registry
from include.registry.model_copies import ArtifactMissingError
from include.registry.model_record import Version
from tests.security.fuzzing import damaged, damages, examples, files_below
from tests.toy_use_case import USE_CASE

pytestmark = [pytest.mark.security, pytest.mark.slow]
TEXTS = st.sampled_from(
    [b"tree", b"=", b"\n", b"-1", b"nan", b"num_leaves=2147483647\n", b"max_feature_idx=-1\n", b" "]
)
BYTES = st.one_of(st.binary(min_size=1, max_size=20), TEXTS)


@pytest.fixture
def version(champion) -> Version:
    return Registry(USE_CASE).version(champion)


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """Every text that LightGBM reads as a model."""
    found, booster = list[str](), lightgbm.Booster

    def read(*given: object, model_str: str, **options: object) -> lightgbm.Booster:
        found.append(model_str)
        return booster(*given, model_str=model_str, **options)

    monkeypatch.setattr(lightgbm, "Booster", read)
    return found


def local_copy(version: Version) -> Path:
    return settings.current_settings().home / "models" / version.model_id


def artifacts(version: Version) -> Path:
    registry = Registry(USE_CASE)
    return Path(registry._client.get_logged_model(version.model_id).artifact_location.removeprefix("file://"))


def damage(files: Mapping[str, bytes]) -> st.SearchStrategy[tuple[str, bytes]]:
    """Return one of a model's files with damages."""
    one = st.sampled_from([*files, *[model_io.TREES] * 5])
    return one.flatmap(
        lambda path: st.tuples(st.just(path), damaged([files[path]], damages(list(files.values()), BYTES), least=0))
    )


@pytest.mark.parametrize("place", [artifacts, local_copy])
def test_lightgbm_reads_no_text_but_that_of_the_record(place: Callable[[Version], Path], version, parsed):
    registry = Registry(USE_CASE)
    registry.load(version)
    files = files_below(place(version))
    trained = files[model_io.TREES].decode()
    outcomes = set[str]()

    @examples(20)
    @given(damage(files))
    def fuzz(damaged_file):
        path, content = damaged_file
        (place(version) / path).write_bytes(content)
        parsed.clear()
        said = ""
        if place is artifacts:
            shutil.rmtree(local_copy(version), ignore_errors=True)
        try:
            registry.load(version)
        except ArtifactMissingError as error:
            said = str(error)
        assert not said or (path in said and parsed == [] and not local_copy(version).exists())
        outcomes.add("refused" if said else "same" if content == files[path] else "fetched again")
        assert set(parsed) <= {trained}
        for name, original in files.items():
            (place(version) / name).parent.mkdir(parents=True, exist_ok=True)
            (place(version) / name).write_bytes(original)

    fuzz()
    assert outcomes == {"same", "refused" if place is artifacts else "fetched again"}


def test_a_damaged_model_of_the_record_itself_is_refused_in_words_or_read(version):
    """Its files are then those that were trained: what is damaged was written so by this installation."""
    registry = Registry(USE_CASE)
    registry.load(version)
    folder = local_copy(version)
    files = {path: content for path, content in files_below(folder).items() if path.startswith("airworthy/")}

    @examples(30)
    @given(st.sampled_from([*files]).flatmap(lambda path: st.tuples(st.just(path), json_damage(files[path]))))
    def fuzz(damaged_file):
        path, content = damaged_file
        (folder / path).write_bytes(content)
        try:
            model_io.read_model(folder)
            refused = ""
        except model_io.ModelFilesCorruptedError as error:
            refused = str(error)
        assert len(refused) < 10_000
        (folder / path).write_bytes(files[path])

    fuzz()


def json_damage(content: bytes) -> st.SearchStrategy[bytes]:
    pieces = st.sampled_from([b"null", b"[]", b"{}", b"1e999", b'"x"', b"-1", b",", b"NaN", b"[[[[", b"\xff"])
    return damaged([content], damages([content, b"{}", b"[]", b"null", b"1"], pieces))
